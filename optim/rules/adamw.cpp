// AdamW and AMSGrad: Adam (adam.cpp, where the update is) under names of their own.
// Papers: Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101, Algorithm 2: decoupled;
//         Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, arXiv 1904.09237, Algorithm 2: amsgrad.
//   adamw:   w <- w - lr*weight_decay*w,  then Adam's step with the gradient alone
//   amsgrad: vmax = max(vmax, v), in place of v under the root
// AMSGrad's listing corrects no bias; like the usual code we correct both, v after the maximum.
#include "optim/rules/adam.h"
#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

struct AdamW {
  struct Options : AdamOptions {
    Options() { decoupled = true; }
    void visit(auto&& f) {
      visit_common(f);
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
      f("cautious", cautious, "move only where momentum and gradient agree");
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

struct AmsGrad {
  struct Options : AdamOptions {
    Options() { amsgrad = true; }
    void visit(auto&& f) { visit_common(f); }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

}  // namespace

OptimizerEntry adamw() {
  return rule_entry<AdamW>({"adamw", "Adam with decoupled weight decay",
                            "Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101", kAdamEquations});
}
OptimizerEntry amsgrad() {
  return rule_entry<AmsGrad>({"amsgrad", "Adam whose second moment never falls",
                              "Reddi, Kale, Kumar, ICLR 2018, arXiv 1904.09237", kAdamEquations});
}

}  // namespace gradus::rules
