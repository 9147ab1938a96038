// ASGD: averaged stochastic gradient descent.
// Papers: Polyak, Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J. Control Optim. 1992; Xu,
//         2011, arXiv 1107.2490; form of torch.optim.ASGD, whose eta takes the rate of the step before (here: of this one).
//   eta = lr/(1 + lambd*lr*(t-1))^alpha
//   w <- w*(1 - lambd*eta) - eta*(g + weight_decay*w)
//   k = max(1, t-1-t0);   a = w if k = 1, else a + (w - a)/k                            weights to evaluate: a
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Asgd {
  struct Options {
    double lr = 0.01, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size at the start", positive());
      f("lambd", lambd, "decay of the weights and of the step size", at_least(0));
      f("alpha", alpha, "power of the step size's decay", at_least(0));
      f("t0", t0, "step at which averaging starts", at_least(0));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static const char* evaluation_slot(const Options&) { return "a"; }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, t = static_cast<double>(k.t);
    const double eta = lr / std::pow(1 + o.lambd * lr * (t - 1), o.alpha),
                 count = std::max(1.0, t - 1 - o.t0);
    const real keep = real(1 - o.lambd * eta), step = real(eta), l2 = real(o.weight_decay),
               part = real(1 / count);
    const bool restart = count == 1;
    for_each_element(p.data, p.grad, s("a"), [=](real& w, real g, real& a) {
      w = keep * w - step * (g + l2 * w);
      a = restart ? w : a + part * (w - a);
    });
  }
};

}  // namespace

OptimizerEntry asgd() {
  return rule_entry<Asgd>({"asgd", "SGD whose late iterates are averaged for evaluation",
                           "Polyak, Juditsky 1992; form of torch.optim.ASGD"});
}

}  // namespace gradus::rules
