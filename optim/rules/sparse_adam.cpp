// SparseAdam: Adam that leaves rows without a gradient alone.
// Source: form of torch.optim.SparseAdam (no paper). Rows are slices along the first dimension.
//   rows whose gradient is all zero keep w, m and v;  the others:
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*g^2
//   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t)*m/(sqrt(v) + eps)                                t counts all steps
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct SparseAdam {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the root", epsilon());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 rows = p.rows(), n = p.cols();
    if (rows == 0 || n == 0) return;
    const real step = real(efficient_step(o.lr * k.lr_scale, o.beta1, o.beta2, k.t)), eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    real *w = p.data.mutable_data(), *m = s("m").mutable_data(), *v = s("v").mutable_data();
    const real* g = p.grad.data();
    for_each_row(rows, n, [=](int64 i) {
      const real* row = g + i * n;
      if (std::all_of(row, row + n, [](real x) { return x == 0; })) return;
      elements(
          n,
          [=](real& x, real y, real& a, real& b) {
            a = first(a, y);
            b = second(b, y * y);
            x -= step * a / (std::sqrt(b) + eps);
          },
          w + i * n, row, m + i * n, v + i * n);
    });
  }
};

}  // namespace

OptimizerEntry sparse_adam() {
  return rule_entry<SparseAdam>({"sparse-adam",
                                 "Adam that leaves rows without a gradient alone: for embeddings",
                                 "form of torch.optim.SparseAdam"});
}

}  // namespace gradus::rules
