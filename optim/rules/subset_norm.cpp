// Subset-Norm and Subspace-Momentum.
// Paper: Nguyen, Nguyen, "Efficient Adaptive Optimization via Subset-Norm and Subspace-Momentum: Fast,
//        Memory-Reduced Training with Convergence Guarantees", ICML 2025, arXiv 2411.07120.
//   s_i = sum of g^2 over subset i;   V = beta2*V + (1-beta2)*s    (beta2 = 1: V = V + s)
//   ema: M = beta1*M + (1-beta1)*g, N = M
//   sm:  P the projector, low = P g,  M = beta1*M + (1-beta1)*low,  N = P' M + (g - P' low)
//   w <- w - lr_t * N/(sqrt(V) + eps),  lr_t = lr*sqrt(1-beta2^t)/(1-beta1^t)   (lr without correct_bias)
//   w <- w - lr*weight_decay*w
// Weight matrices of rank 2 only; all else is ema/ema, with the same formula.
// The projector is rebuilt at t = 1 and t % update_proj_gap == 0, and M then starts from zero before its update (the
// published code resets it after use). A moment that is off (`none`) takes no part in lr_t's correction.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/layer.h"
#include "optim/rules/subspace.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct SubsetNorm {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0;
    bool correct_bias = true;
    std::string momentum_type = "ema", second_moment_type = "sn", subset_size = "heuristics",
                proj_type = "svd";
    int64 rank = 32, update_proj_gap = 200;
    void visit(auto&& f) {
      f("lr", lr, "step size (about 10 times Adam's)", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the subsets' squared norms; 1 sums them", between(0, 1));
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay after the step", at_least(0));
      f("correct_bias", correct_bias, "bias correction inside lr (off for beta2 = 1)");
      f("momentum_type", momentum_type, "full, in a subspace, none", choices({"ema", "sm", "none"}));
      f("second_moment_type", second_moment_type, "per entry, per subset, none",
        choices({"ema", "sn", "none"}));
      f("subset_size", subset_size, "heuristics (rows or columns), k entries, or -k: sqrt(n)/k entries");
      f("rank", rank, "dimension of the subspace", at_least(1));
      f("proj_type", proj_type, "how the subspace is chosen", choices({"svd", "uniform", "topk", "srht"}));
      f("update_proj_gap", update_proj_gap, "steps between new subspaces", at_least(1));
    }
  };
  static void check(const Options& o) {
    if (o.beta2 == 1 && o.correct_bias)
      fail<UsageError>("optimizer subset-norm: correct_bias with beta2 = 1 makes every step zero");
    if (o.subset_size != "heuristics") (void)wanted_size(o, 16);
  }

  // Entries a subset should have in a tensor of n; a divisor of n is then chosen.
  static int64 wanted_size(const Options& o, int64 n) {
    int64 k = 0;
    parse_option(o.subset_size, &k, Limits{}, "optimizer subset-norm: subset_size");
    if (k == 0) fail<UsageError>("optimizer subset-norm: subset_size must be heuristics or an integer but 0");
    if (k < 0) k = std::max<int64>(1, static_cast<int64>(std::sqrt(static_cast<double>(n))) / -k);
    for (k = std::min(k, n); n % k != 0;) --k;
    return k;
  }

  struct Subsets {
    int64 rows, cols;  // the tensor seen as (rows, cols)
    bool by_row;       // a subset is a row, else a column
  };
  static Subsets subsets(const Param& p, const Options& o) {
    const int64 n = p.data.numel();
    if (o.subset_size == "heuristics") return {p.rows(), p.cols(), p.rows() >= p.cols()};
    const int64 size = wanted_size(o, n);
    return {n / size, size, true};
  }

  // V of the subsets, and the numerator divided by sqrt(V) + eps in place.
  static void divide(Tensor& numerator, const Tensor& g, Tensor& v, const Subsets& sub, const Options& o) {
    const double keep = o.beta2, take = o.beta2 == 1 ? 1 : 1 - o.beta2;
    std::vector<double> sums(static_cast<size_t>(v.numel()));
    for (int64 i = 0; i < sub.rows; ++i)
      for (int64 j = 0; j < sub.cols; ++j) {
        const double x = static_cast<double>(g.data()[i * sub.cols + j]);
        sums[static_cast<size_t>(sub.by_row ? i : j)] += x * x;
      }
    real* second = v.mutable_data();
    std::vector<real> inverse(sums.size());
    for (size_t i = 0; i < sums.size(); ++i) {
      second[i] = real(keep * static_cast<double>(second[i]) + take * sums[i]);
      inverse[i] = 1 / (std::sqrt(second[i]) + real(o.eps));
    }
    real* u = numerator.mutable_data();
    for (int64 i = 0; i < sub.rows; ++i)
      for (int64 j = 0; j < sub.cols; ++j)
        u[i * sub.cols + j] *= inverse[static_cast<size_t>(sub.by_row ? i : j)];
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool matrix = p.data.rank() == 2 && p.kind == ParamKind::kWeight && p.data.numel() > 0;
    const std::string momentum = matrix ? o.momentum_type : "ema",
                      second = matrix ? o.second_moment_type : "ema";
    const double beta1 = momentum == "none" ? 0 : o.beta1, lr = o.lr * k.lr_scale;
    double rate = lr;
    if (o.correct_bias)
      rate *= (second == "none" ? 1 : std::sqrt(bias_correction(o.beta2, k.t))) / bias_correction(beta1, k.t);
    Tensor u = p.grad.clone();
    if (momentum == "sm") {
      u = subspace_momentum(p, s, {o.rank, o.proj_type, o.update_proj_gap, beta1}, k.t);
    } else if (beta1 > 0) {
      for_each_element(u, s("m"), [mean = Ema(beta1)](real& x, real& m) { x = m = mean(m, x); });
    }
    if (second == "sn") {
      const Subsets sub = subsets(p, o);
      divide(u, p.grad, s("V", {sub.by_row ? sub.rows : sub.cols}), sub, o);
    } else if (second == "ema") {
      const real keep = real(o.beta2), take = real(o.beta2 == 1 ? 1 : 1 - o.beta2), eps = real(o.eps);
      for_each_element(u, p.grad, s("v"), [=](real& x, real g, real& v) {
        v = keep * v + take * (g * g);
        x /= std::sqrt(v) + eps;
      });
    }
    const Tensor& direction = u;
    for_each_element(p.data, direction,
                     [keep = real(1 - lr * o.weight_decay), step = real(rate)](real& w, real d) {
                       w = keep * (w - step * d);
                     });
  }
};

}  // namespace

OptimizerEntry subset_norm() {
  return rule_entry<SubsetNorm>({"subset-norm",
                                 "Adam with one second moment a subset, momentum in a subspace",
                                 "Nguyen, Nguyen, ICML 2025, arXiv 2411.07120", 2});
}

}  // namespace gradus::rules
