// STORM: momentum that corrects itself by the gradient of the same batch at the weights before.
// Paper: Cutkosky, Orabona, "Momentum-Based Variance Reduction in Non-Convex SGD", NeurIPS 2019, arXiv 1905.10018.
//   g(x): gradient of this step's batch at x;   w' the weights before the last step
//   step 1:  d = g(w)
//   later:   d = g(w) + (1-a)*(d - g(w'))
//   w <- w - lr*d
// Departure: a constant a and the given lr in place of the paper's adaptive ones. a = 1 is plain SGD.
#include "optim/rules/objective_rules.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct Storm {
  struct Options {
    double lr = 0.1, a = 0.1;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("a", a, "share of the momentum that is forgotten", between(0, 1));
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static void step(Pass<Options>& pass) {
    bool known = false;
    for (const auto& item : pass.items) known = known || item.s.has("previous");
    std::vector<Tensor> before;
    if (known) {
      TrialWeights present(pass);
      for (auto& item : pass.items)
        if (const Tensor* previous = item.s.find("previous")) item.p.data.copy_from(*previous);
      before = Around(pass).gradients();
    }
    for (auto& item : pass.items) {
      const real lr = real(item.o.lr * pass.info.lr_scale);
      if (!item.s.has("previous")) {
        for_each_element(item.p.data, item.p.grad, item.s("d"), item.s("previous"),
                         [=](real& w, real g, real& d, real& previous) {
                           d = g;
                           previous = w;
                           w -= lr * d;
                         });
        continue;
      }
      for_each_element(item.p.data, item.p.grad, std::as_const(before[item.p.index]), item.s("d"),
                       item.s("previous"),
                       [=, keep = real(1 - item.o.a)](real& w, real g, real gp, real& d, real& previous) {
                         d = g + keep * (d - gp);
                         previous = w;
                         w -= lr * d;
                       });
    }
  }
};

}  // namespace

OptimizerEntry storm() {
  return rule_entry<Storm>({"storm", "momentum corrected by the same batch at the weights before",
                            "Cutkosky, Orabona, NeurIPS 2019, arXiv 1905.10018", 6});
}

}  // namespace gradus::rules
