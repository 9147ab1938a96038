// SGDW: a form of SGD (sgd.cpp, where the update is) under a name of its own.
// Paper: Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101, Algorithm 1.
//   w <- w - lr*weight_decay*w
//   v = g at the first step, then v = momentum*v + (1-dampening)*g
//   d = v, or with nesterov d = g + momentum*v          w <- w - lr*d
#include "optim/rules/sgd.h"
#include "optim/rules/zoo.h"

namespace gradus::rules {
namespace {

struct SgdW {
  struct Options : SgdOptions {
    Options() { decoupled = true; }
  };
  static constexpr bool kDecoupled = true;
  static void check(const Options& o) { sgd_check(o, "sgdw"); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { sgd_update(p, s, o, k); }
};

}  // namespace

OptimizerEntry sgdw() {
  return rule_entry<SgdW>(
      {"sgdw", "SGD with decoupled weight decay", "Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101"});
}

}  // namespace gradus::rules
