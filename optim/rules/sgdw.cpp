// SGDW.
// Paper: Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101, Algorithm 1.
//   w <- w - lr*weight_decay*w
//   v = g at the first step, then v = momentum*v + (1-dampening)*g
//   d = v, or with nesterov d = g + momentum*v          w <- w - lr*d
#include "optim/rules/sgd.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct SgdW {
  using Options = SgdOptions;
  static constexpr bool kDecoupled = true;
  static void check(const Options& o) { sgd_check(o, "sgdw"); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real keep = Decay::decoupled(o.weight_decay, o.lr * k.lr_scale).keep;
    for_each_element(p.data, [=](real& w) { w *= keep; });
    Options without = o;
    without.weight_decay = 0;
    sgd_update(p, s, without, k);
  }
};

}  // namespace

OptimizerEntry sgdw() {
  return rule_entry<SgdW>(
      {"sgdw", "SGD with decoupled weight decay", "Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101"});
}

}  // namespace gradus::rules
