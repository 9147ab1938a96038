// signSGD and Tiger: steps by the sign of the gradient mean, for all tensors alike (signum has a rule of its own for vectors).
// Papers: Bernstein, Wang, Azizzadenesheli, Anandkumar, "signSGD: Compressed Optimisation for Non-Convex Problems",
//         ICML 2018, arXiv 1802.04434;  Su, "Tiger", 2023 (released code, no paper; float weights).
//   w <- w - lr*weight_decay*w
//   m = momentum*m + (1-momentum)*g                tiger calls momentum beta
//   w <- w - lr*sign(m)                            sign(0) = 0
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

void sign_step(Param& p, State& s, double lr, double momentum, double weight_decay) {
  const real step = real(lr), keep = Decay::decoupled(weight_decay, lr).keep;
  if (momentum == 0) {
    for_each_element(p.data, p.grad, [=](real& w, real g) { w = keep * w - step * sign(g); });
    return;
  }
  for_each_element(p.data, p.grad, s("m"), [=, mean = Ema(momentum)](real& w, real g, real& m) {
    m = mean(m, g);
    w = keep * w - step * sign(m);
  });
}

struct SignSgd {
  struct Options {
    double lr = 1e-3, momentum = 0, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size: every element moves by this", positive());
      f("momentum", momentum, "decay of the gradient mean", decay_rate());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    sign_step(p, s, o.lr * k.lr_scale, o.momentum, o.weight_decay);
  }
};

struct Tiger {
  struct Options {
    double lr = 1e-3, beta = 0.965, weight_decay = 0.01;
    void visit(auto&& f) {
      f("lr", lr, "step size: every element moves by this", positive());
      f("beta", beta, "decay of the gradient mean", decay_rate());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    sign_step(p, s, o.lr * k.lr_scale, o.beta, o.weight_decay);
  }
};

}  // namespace

OptimizerEntry signsgd() {
  return rule_entry<SignSgd>(
      {"signsgd", "steps by the sign of the gradient", "Bernstein et al., ICML 2018, arXiv 1802.04434"});
}
OptimizerEntry tiger() {
  return rule_entry<Tiger>(
      {"tiger", "steps by the sign of a gradient mean, the least memory of all", "Su, 2023, released code"});
}

}  // namespace gradus::rules
