// AdaGrad-norm: SGD with one scalar AdaGrad step size.
// Paper: Attia, Koren, "SGD with AdaGrad Stepsizes: Full Adaptivity with High Probability to Unknown Parameters,
//        Unbounded Gradients and Affine Variance", ICML 2023, arXiv 2302.08783.
//   g <- g + weight_decay*w
//   S = S + ||g||^2                    over all parameters, S = b0^2 at first
//   w <- w - lr/sqrt(S) * g            delayed: with S before this gradient
// per_tensor: one S a tensor. S is kept in double; nothing moves while S = 0.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct AdagradNorm {
  struct Options {
    double lr = 1, b0 = 1e-2, weight_decay = 0;
    bool delayed = false, per_tensor = false;
    void visit(auto&& f) {
      f("lr", lr, "length of the first step", positive());
      f("b0", b0, "root of the accumulator's start", at_least(0));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("delayed", delayed, "the step size does not see the present gradient");
      f("per_tensor", per_tensor, "an accumulator per tensor");
    }
  };
  static void check(const Options& o) {
    if (o.delayed && o.b0 == 0) fail<UsageError>("optimizer adagrad-norm: delayed needs b0 > 0");
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
      double sum = item.o.delayed ? before : shared;
      if (item.o.per_tensor) {
        double& own = item.s.scalar("S", item.o.b0 * item.o.b0);
        sum = item.o.delayed ? own : own + squares[i];
        own += squares[i];
      }
      if (sum == 0) continue;
      const Tensor& direction = g[i];
      for_each_element(
          item.p.data, direction,
          [c = real(item.o.lr * pass.info.lr_scale / std::sqrt(sum))](real& w, real x) { w -= c * x; });
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
