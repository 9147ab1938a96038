// SGD with momentum.
// Paper: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; the Nesterov form as in
//        Sutskever, Martens, Dahl, Hinton, ICML 2013; dampening as in torch.optim.SGD.
//   g <- g + weight_decay*w
//   v = g at the first step, then v = momentum*v + (1-dampening)*g
//   d = v, or with nesterov d = g + momentum*v          w <- w - lr*d
#include "optim/rules/sgd.h"

#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Sgd {
  using Options = SgdOptions;
  static void check(const Options& o) { sgd_check(o, "sgd"); }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { sgd_update(p, s, o, k); }
};

}  // namespace

void sgd_check(const SgdOptions& o, const char* optimizer) {
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
    fail<UsageError>("optimizer {}: nesterov needs momentum > 0 and dampening = 0", optimizer);
}

void sgd_update(Param& p, State& s, const SgdOptions& o, const StepInfo& k) {
  const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), mu = real(o.momentum);
  const real take = k.t == 1 ? real(1) : real(1 - o.dampening);
  if (o.momentum == 0)
    for_each_element(p.data, p.grad, [=](real& w, real g) { w -= lr * (g + l2 * w); });
  else if (o.nesterov)
    for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
      g += l2 * w;
      v = mu * v + g;
      w -= lr * (g + mu * v);
    });
  else
    for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
      v = mu * v + take * (g + l2 * w);
      w -= lr * v;
    });
}

OptimizerEntry sgd() {
  return rule_entry<Sgd>({.name = "sgd",
                          .summary = "gradient descent with momentum, dampening and Nesterov's form",
                          .paper = "Polyak 1964; Sutskever et al., ICML 2013; form of torch.optim.SGD"});
}

}  // namespace gradus::rules
