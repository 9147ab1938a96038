// SGD with momentum.
// Paper: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; the Nesterov form as in
//        Sutskever, Martens, Dahl, Hinton, ICML 2013; dampening as in torch.optim.SGD.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   v = g at the first step, then v = momentum*v + (1-dampening)*g
//   d = v, or with nesterov d = g + momentum*v          w <- w - lr*d
// sgdw is sgd with decoupled decay (sgdw.cpp).
#include "optim/rules/sgd.h"

#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Sgd {
  struct Options : SgdOptions {
    void visit(auto&& f) {
      SgdOptions::visit(f);
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient (SGDW)");
    }
  };
  static void check(const Options& o) { sgd_check(o, "sgd"); }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { sgd_update(p, s, o, k); }
};

/// The three forms, after w <- keep*w where that is asked for.
template <bool kShrinks>
void sgd_pass(Param& p, State& s, const SgdOptions& o, double lr_now, int64 t) {
  const Decay decay = Decay::of(o.weight_decay, lr_now, kShrinks);
  const real lr = real(lr_now), l2 = decay.l2, mu = real(o.momentum);
  const real take = t == 1 ? real(1) : real(1 - o.dampening);
  const auto shrink = [keep = decay.keep](real& w) {
    if constexpr (kShrinks) w *= keep;
  };
  if (o.momentum == 0)
    for_each_element(p.data, p.grad, [=](real& w, real g) {
      shrink(w);
      w -= lr * (g + l2 * w);
    });
  else if (o.nesterov)
    for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
      g += l2 * w;
      v = mu * v + g;
      shrink(w);
      w -= lr * (g + mu * v);
    });
  else
    for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
      v = mu * v + take * (g + l2 * w);
      shrink(w);
      w -= lr * v;
    });
}

}  // namespace

void sgd_check(const SgdOptions& o, const char* optimizer) {
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
    fail<UsageError>("optimizer {}: nesterov needs momentum > 0 and dampening = 0", optimizer);
}

void sgd_update(Param& p, State& s, const SgdOptions& o, const StepInfo& k) {
  const double lr = o.lr * k.lr_scale;
  o.decoupled ? sgd_pass<true>(p, s, o, lr, k.t) : sgd_pass<false>(p, s, o, lr, k.t);
}

OptimizerEntry sgd() {
  return rule_entry<Sgd>({.name = "sgd",
                          .summary = "gradient descent with momentum, dampening and Nesterov's form",
                          .paper = "Polyak 1964; Sutskever et al., ICML 2013; form of torch.optim.SGD"});
}

}  // namespace gradus::rules
