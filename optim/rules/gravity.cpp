// Gravity: momentum with a step that large gradients shrink.
// Paper: Bahrami, Pouriyeh Zadeh, "Gravity Optimizer: a Kinematic Approach on Optimization in Deep Learning", 2021,
//        arXiv 2101.09192.
//   v starts at alpha/lr times normal draws (lr as given, unscheduled);   b = (beta*t + 1)/(t + 2)
//   M = max |g| over the tensor;   v = b*v + (1-b)*g/(1 + (g*M)^2);   w <- w - lr*v
// As published: (g*M)^2, not (g/M)^2.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/draws.h"
#include "optim/vocabulary/largest.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Gravity {
  struct Options {
    double lr = 0.1, alpha = 0.01, beta = 0.9;
    int64 seed = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("alpha", alpha, "deviation of the first velocity times lr", at_least(0));
      f("beta", beta, "decay of the velocity in the long run", decay_rate());
      f("seed", seed, "of the first velocity", at_least(0));
    }
  };
  static void step(Pass<Options>& pass) {
    for (auto& item : pass.items) {
      auto& [p, s, o, group, t] = item;
      if (!s.has("v")) {
        const Tensor z = normal_draw(pass.objective, p.name, p.data.shape(), o.seed, 1);
        for_each_element(s("v"), z, [c = real(o.alpha / o.lr)](real& v, real x) { v = c * x; });
      }
      const double b = (o.beta * static_cast<double>(t) + 1) / static_cast<double>(t + 2);
      const real top = largest_size(p.grad);
      for_each_element(p.data, p.grad, s("v"),
                       [=, mean = Ema(b), lr = real(o.lr * pass.info.lr_scale)](real& w, real g, real& v) {
                         v = mean(v, g / (1 + square(g * top)));
                         w -= lr * v;
                       });
    }
  }
};

}  // namespace

OptimizerEntry gravity() {
  return rule_entry<Gravity>({"gravity", "momentum of gradients that shrink where they are large",
                              "Bahrami, Pouriyeh Zadeh, 2021, arXiv 2101.09192", 1});
}

}  // namespace gradus::rules
