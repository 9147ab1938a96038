// AdamW and AMSGrad: forms of Adam (adam_forms.cpp, where the update is) under names of their own.
// Papers: Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101, Algorithm 2: adamw;
//         Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, arXiv 1904.09237, Algorithm 2: amsgrad.
//   adamw:    w <- w - lr*weight_decay*w                              amsgrad: g <- g + weight_decay*w
//   m = beta1*m + (1-beta1)*g
//   v = beta2*v + (1-beta2)*g^2                                       amsgrad: vmax = max(vmax, v), in place of v below
//   w <- w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
// AMSGrad's listing corrects no bias; like the usual code we correct both, v after the maximum.
#include "optim/rules/adam.h"
#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

struct AdamW {
  struct Options : AdamOptions {
    Options() { forms.decoupled = true; }
    void visit(auto&& f) {
      AdamOptions::visit(f);
      forms.visit_amsgrad(f);
      forms.visit_cautious(f);
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

struct AmsGrad {
  struct Options : AdamOptions {
    Options() { forms.amsgrad = true; }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

}  // namespace

OptimizerEntry adamw() {
  return rule_entry<AdamW>(
      {"adamw", "Adam with decoupled weight decay", "Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101"});
}
OptimizerEntry amsgrad() {
  return rule_entry<AmsGrad>(
      {"amsgrad", "Adam whose second moment never falls", "Reddi, Kale, Kumar, ICLR 2018, arXiv 1904.09237"});
}

}  // namespace gradus::rules
