// AdaGrad-norm: SGD with one scalar AdaGrad step size.
// Paper: Attia, Koren, "SGD with AdaGrad Stepsizes: Full Adaptivity with High Probability to Unknown Parameters,
//        Unbounded Gradients and Affine Variance", ICML 2023, arXiv 2302.08783.
//   g <- g + weight_decay*w
//   S = S + ||g||^2                    over all parameters, S = b0^2 at first
//   w <- w - lr/(sqrt(S) + eps) * g    delayed: with S before this gradient
// per_tensor: one S a tensor. S is kept in double; nothing moves while S = 0.
// per_unit: one S a row of a matrix, a kernel or a vector, as in the code of Lau, Liu, Kolar, 2024, arXiv 2402.11215
// (timlautk/AdAdaGrad), which has eps = 1e-10.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/rows.h"

namespace gradus::rules {
namespace {

struct AdagradNorm {
  struct Options {
    double lr = 1, b0 = 1e-2, weight_decay = 0, eps = 0;
    bool delayed = false, per_tensor = false, per_unit = false;
    void visit(auto&& f) {
      f("lr", lr, "length of the first step", positive());
      f("b0", b0, "root of the accumulator's start", at_least(0));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("delayed", delayed, "the step size does not see the present gradient");
      f("per_tensor", per_tensor, "an accumulator per tensor");
      f("per_unit", per_unit, "an accumulator per row of a tensor (output unit)");
      f("eps", eps, "added to the root", at_least(0));
    }
  };
  static void check(const Options& o) {
    if (o.delayed && o.b0 == 0) fail<UsageError>("optimizer adagrad-norm: delayed needs b0 > 0");
    if (o.per_tensor && o.per_unit)
      fail<UsageError>("optimizer adagrad-norm: per_tensor and per_unit exclude each other");
  }

  // One sum of squares a row.
  static void step_rows(Item<Options>& item, const Tensor& g, double lr) {
    const Options& o = item.o;
    const int64 rows = item.p.rows(), cols = item.p.cols();
    if (cols == 0) return;
    const bool is_new = !item.s.has("S");
    Tensor& sums = item.s("S", Shape{rows, 1});
    if (is_new) sums.fill(static_cast<real>(o.b0 * o.b0));
    real* sum = sums.mutable_data();
    real* w = item.p.data.mutable_data();
    for (int64 i = 0; i < rows; ++i) {
      const real* row = g.data() + i * cols;
      const double before = static_cast<double>(sum[i]),
                   after = before + row_mean_square(row, cols) * static_cast<double>(cols),
                   used = o.delayed ? before : after;
      sum[i] = static_cast<real>(after);
      if (used == 0) continue;
      const real c = static_cast<real>(lr / (std::sqrt(used) + o.eps));
      for (int64 j = 0; j < cols; ++j) w[i * cols + j] -= c * row[j];
    }
  }

  static void step(Pass<Options>& pass) {
    std::vector<Tensor> g;
    std::vector<double> squares;
    double all = 0;
    for (const auto& item : pass.items) {
      g.push_back(decayed_gradient(item.p, item.o.weight_decay));
      squares.push_back(sum_of_squares(g.back()));
      all += squares.back();
    }
    const double b0 = pass.options.b0;
    double& shared = pass.shared.scalar("S", b0 * b0);
    const double before = shared;
    shared += all;
    for (size_t i = 0; i < pass.items.size(); ++i) {
      auto& item = pass.items[i];
      const double lr = item.o.lr * pass.info.lr_scale;
      if (item.o.per_unit) {
        step_rows(item, g[i], lr);
        continue;
      }
      double sum = item.o.delayed ? before : shared;
      if (item.o.per_tensor) {
        double& own = item.s.scalar("S", item.o.b0 * item.o.b0);
        sum = item.o.delayed ? own : own + squares[i];
        own += squares[i];
      }
      if (sum == 0) continue;
      const Tensor& direction = g[i];
      for_each_element(item.p.data, direction,
                       [c = real(lr / (std::sqrt(sum) + item.o.eps))](real& w, real x) { w -= c * x; });
    }
  }
};

}  // namespace

OptimizerEntry adagrad_norm() {
  return rule_entry<AdagradNorm>({"adagrad-norm",
                                  "one step size for all, from the sum of squared gradient norms",
                                  "Attia, Koren, ICML 2023, arXiv 2302.08783", 3});
}

}  // namespace gradus::rules
