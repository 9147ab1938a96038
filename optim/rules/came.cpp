// CAME.
// Paper: Luo, Ren, Zheng, Jiang, Jiang, You, "CAME: Confidence-guided Adaptive Memory Efficient Optimization",
//        ACL 2023, arXiv 2307.02047, Algorithm 2.
//   matrices: R, C <- beta2*(R, C) + (1-beta2)*(row, column) means of (g^2 + eps1);  V_ij = R_i*C_j/mean(R)
//   vectors:  V = beta2*V + (1-beta2)*(g^2 + eps1)
//   u = g/sqrt(V);   u <- u/max(1, RMS(u)/clip_threshold)
//   m = beta1*m + (1-beta1)*u
//   matrices: Q, D <- beta3*(Q, D) + (1-beta3)*(row, column) means of ((u - m)^2 + eps2)
//             S_ij = Q_i*D_j/mean(Q);   step = m/sqrt(S)
//   vectors:  step = m
//   w <- w - lr*weight_decay*w - lr*step                        (no bias correction anywhere)
// Tensors of higher rank are matrices (out, rest); the authors' code factors their last two axes.
#include "optim/rules/rules.h"
#include "optim/vocabulary/factored.h"
#include "optim/vocabulary/sums.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Came {
  struct Options {
    double lr = 2e-4, beta1 = 0.9, beta2 = 0.999, beta3 = 0.9999, eps1 = 1e-30, eps2 = 1e-16,
           clip_threshold = 1, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the mean of updates", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("beta3", beta3, "decay of the mean of squared deviations of the update", decay_rate());
      f("eps1", eps1, "added to squared gradients", epsilon());
      f("eps2", eps2, "added to squared deviations", epsilon());
      f("clip_threshold", clip_threshold, "largest root mean square of an update", positive());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };

  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (p.data.numel() == 0) return;
    p.is_matrix() ? matrix(p, s, o, o.lr * k.lr_scale) : vector(p, s, o, o.lr * k.lr_scale);
  }

  static void matrix(Param& p, State& s, const Options& o, double lr) {
    const int64 rows = p.rows(), cols = p.cols();
    const real* grad = p.grad.data();
    const Margins squares = margins(rows, cols, [&, eps1 = real(o.eps1)](int64 i, real* to) {
      elements(
          cols, [=](real& x, real g) { x = g * g + eps1; }, to, grad + i * cols);
    });
    const RootFactors v = update_factors(s, "r", "c", squares, o.beta2);
    const double clip =
        rms_clip(sum_of_scaled_squares(p.grad, rows, cols, v), p.data.numel(), o.clip_threshold);
    real* mean = s("m").mutable_data();
    const Margins deviations =
        margins(rows, cols, [&, first = Ema(o.beta1), eps2 = real(o.eps2)](int64 i, real* to) {
          const real r = real(clip) * v.row[static_cast<size_t>(i)];
          const auto deviate = [=](real& x, real g, real& m, real c) {
            const real u = g * r * c;
            m = first(m, u);
            x = square(u - m) + eps2;
          };
          elements(cols, deviate, to, grad + i * cols, mean + i * cols, v.col.data());
        });
    const RootFactors q = update_factors(s, "q", "d", deviations, o.beta3);
    real* weights = p.data.mutable_data();
    const real keep = Decay::decoupled(o.weight_decay, lr).keep;
    for_each_row(rows, cols, [&](int64 i) {
      const real step = real(lr) * q.row[static_cast<size_t>(i)];
      elements(
          cols, [=](real& w, real m, real d) { w = keep * w - m * step * d; }, weights + i * cols,
          std::as_const(mean) + i * cols, q.col.data());
    });
  }

  static void vector(Param& p, State& s, const Options& o, double lr) {
    const real eps1 = real(o.eps1), step = real(lr), keep = Decay::decoupled(o.weight_decay, lr).keep;
    const Ema first(o.beta1), second(o.beta2);
    const auto [sum] = for_each_with_sums<1>(p.grad, s("v"), [=](real g, real& v, double& term) {
      v = second(v, g * g + eps1);
      term = double(square(g / std::sqrt(v)));
    });
    const real clip = real(rms_clip(sum, p.data.numel(), o.clip_threshold));
    for_each_element(p.data, p.grad, std::as_const(s("v")), s("m"), [=](real& w, real g, real v, real& m) {
      m = first(m, clip * g / std::sqrt(v));
      w = keep * w - step * m;
    });
  }
};

}  // namespace

OptimizerEntry came() {
  return rule_entry<Came>({"came", "Adafactor with momentum, divided by its factored instability",
                           "Luo et al., ACL 2023, arXiv 2307.02047", 3});
}

}  // namespace gradus::rules
