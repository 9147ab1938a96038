// Delta-bar-delta: a rate for each element, up by steps, down by factors.
// Paper: Jacobs, "Increased rates of convergence through learning rate adaptation", Neural Networks 1988. A schedule
//        multiplies the step.
//   r = r + kappa where a*g > 0,  r*(1-phi) where a*g < 0,  at least min_rate;   r = lr at first
//   a = theta*a + (1-theta)*g   (after that);   w <- w - lr_scale*r*g
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct DeltaBarDelta {
  struct Options {
    double lr = 0.01, kappa = 0.01, phi = 0.2, theta = 0.5, min_rate = 1e-8;
    void visit(auto&& f) {
      f("lr", lr, "first rate of every element", positive());
      f("kappa", kappa, "added to the rate where signs agree", at_least(0));
      f("phi", phi, "share of the rate that is lost where they do not", between(0, 1));
      f("theta", theta, "decay of the gradient mean", decay_rate());
      f("min_rate", min_rate, "least rate", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real up = real(o.kappa), down = real(1 - o.phi), least = real(o.min_rate), scale = real(k.lr_scale);
    const Ema mean(o.theta);
    Tensor& rates = filled(s, "r", real(o.lr));
    for_each_element(p.data, p.grad, rates, s("a"), [=](real& w, real g, real& r, real& a) {
      const real product = a * g;
      r = std::max(product > 0 ? r + up : product < 0 ? r * down : r, least);
      a = mean(a, g);
      w -= scale * r * g;
    });
  }
};

}  // namespace

OptimizerEntry delta_bar_delta() {
  return rule_entry<DeltaBarDelta>({"delta-bar-delta",
                                    "a rate for each element: up by a constant, down by a factor",
                                    "Jacobs, Neural Networks 1988"});
}

}  // namespace gradus::rules
