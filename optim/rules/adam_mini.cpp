// Adam-mini: one second moment for each block of a matrix.
// Paper: Zhang, Chen, Li, Ding, Wu, Kingma, Ye, Luo, Sun, "Adam-mini: Use Fewer Learning Rates To Gain More", ICLR 2025,
//        arXiv 2406.16793.
//   w <- w - lr*weight_decay*w
//   blocks: rank >= 2: a slice along the first dimension (heads = h > 0: h blocks of as many rows); else the tensor
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*mean of g^2 over the block
//   w <- w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/rows.h"

namespace gradus::rules {
namespace {

struct AdamMini {
  struct Options : MomentOptions {
    std::string partition = "row";
    int64 heads = 0;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("partition", partition, "blocks of a matrix: its rows, or the whole tensor",
        choices({"row", "tensor"}));
      f("heads", heads, "so many blocks of equally many rows, for query and key matrices; by group",
        at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static int64 blocks_of(const Param& p, const Options& o) {
    return !p.is_matrix() || o.partition == "tensor" ? 1 : o.heads > 0 ? o.heads : p.rows();
  }
  /// Refuses heads before anything moves.
  static bool prepare(Pass<Options>& pass) {
    for (const auto& item : pass.items)
      if (item.p.is_matrix() && item.p.rows() % std::max<int64>(1, blocks_of(item.p, item.o)))
        fail<UsageError>("optimizer adam-mini: the {} rows of {} do not divide into {} heads", item.p.rows(),
                         item.p.name, item.o.heads);
    return true;
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k, bool /*prepared*/) {
    const int64 blocks = blocks_of(p, o), n = blocks ? p.data.numel() / blocks : 0;
    if (n == 0) return;
    const double lr = o.lr * k.lr_scale, c2 = bias_correction(o.beta2, k.t);
    const real keep = Decay::decoupled(o.weight_decay, lr).keep;
    const Ema first(o.beta1);
    real *w = p.data.mutable_data(), *m = s("m").mutable_data(), *v = s("v", Shape{blocks}).mutable_data();
    const real* g = p.grad.data();
    const double of_m = lr / bias_correction(o.beta1, k.t);
    for_each_row(blocks, n, [=, &o](int64 i) {
      v[i] = real(o.beta2 * static_cast<double>(v[i]) + (1 - o.beta2) * row_mean_square(g + i * n, n));
      const real step = real(of_m / (std::sqrt(static_cast<double>(v[i]) / c2) + o.eps));
      elements(
          n,
          [=](real& x, real y, real& z) {
            z = first(z, y);
            x = keep * x - step * z;
          },
          w + i * n, g + i * n, m + i * n);
    });
  }
};

}  // namespace

OptimizerEntry adam_mini() {
  return rule_entry<AdamMini>({"adam-mini", "Adam with one second moment a row of a matrix",
                               "Zhang et al., ICLR 2025, arXiv 2406.16793", 1});
}

}  // namespace gradus::rules
