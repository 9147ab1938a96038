// Rprop: resilient backpropagation.
// Paper: Riedmiller, Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", ICNN
//        1993; form of torch.optim.Rprop. A schedule multiplies the step (in torch it only sets the first d).
//   p = g_prev*g;   d = clamp(d*(eta_plus if p > 0, eta_minus if p < 0, else 1), step_min, step_max), d = lr at first
//   g = 0 where p < 0;   g_prev = g;   w <- w - lr_scale*d*sign(g)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Rprop {
  struct Options {
    double lr = 0.01, eta_minus = 0.5, eta_plus = 1.2, step_min = 1e-6, step_max = 50;
    void visit(auto&& f) {
      f("lr", lr, "first step of every element", positive());
      f("eta_minus", eta_minus, "factor on the step where the sign changed", between(0, 1));
      f("eta_plus", eta_plus, "factor on the step where it stayed", at_least(1));
      f("step_min", step_min, "least step", at_least(0));
      f("step_max", step_max, "largest step", positive());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real plus = real(o.eta_plus), minus = real(o.eta_minus), low = real(o.step_min),
               high = real(o.step_max);
    const real scale = real(k.lr_scale);
    Tensor& steps = filled(s, "d", real(o.lr));
    for_each_element(p.data, p.grad, s("g_prev"), steps, [=](real& w, real g, real& g_prev, real& d) {
      const real product = g_prev * g;
      d = std::min(std::max(d * (product > 0 ? plus : product < 0 ? minus : real(1)), low), high);
      g = product < 0 ? real(0) : g;
      g_prev = g;
      w -= scale * d * sign(g);
    });
  }
};

}  // namespace

OptimizerEntry rprop() {
  return rule_entry<Rprop>({"rprop", "a step of its own for each element, by signs alone; for whole batches",
                            "Riedmiller, Braun, ICNN 1993; form of torch.optim.Rprop"});
}

}  // namespace gradus::rules
