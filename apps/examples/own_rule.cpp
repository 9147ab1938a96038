// A rule of one's own: sign descent that trusts a coordinate the more, the longer its gradient kept its sign. The Options struct makes its
// options, help and checks; update() runs as one fused pass over weights, gradients and state.
#include <cmath>
#include <cstdio>

#include "optim/add_optimizer.h"
#include "optim/rule.h"

using namespace gradus;

/// A relative of Rprop (Riedmiller and Braun, 1993), without backtracking:
///   r <- min(r * up, most)  where g keeps the sign of the gradient before, r * down where it changes;   w <- w - lr r sign(g)
struct Steadfast {
  struct Options {
    double lr = 0.01, up = 1.2, down = 0.5, most = 10;
    void visit(auto&& f) {
      f("lr", lr, "step size of a coordinate at first", positive());
      f("up", up, "growth where the sign stays", at_least(1));
      f("down", down, "factor where it changes", between(0, 1));
      f("most", most, "largest factor on lr", positive());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), up = real(o.up), down = real(o.down), most = real(o.most);
    const bool first = k.t == 1;
    for_each_element(p.data, p.grad, s("before"), s("rate"), [=](real& w, real g, real& before, real& rate) {
      rate = first ? 1 : before * g > 0 ? std::min(rate * up, most) : before * g < 0 ? rate * down : rate;
      w -= lr * rate * static_cast<real>((g > 0) - (g < 0));
      before = g;
    });
  }
};

int main() {
  add_optimizer(rule_entry<Steadfast>({"steadfast", "signs, faster where they stay", "an example"}));

  // f(x, y) = 50 x^2 + y^2 / 2 from (1, 10): plain gradient descent is bound to lr < 0.02 by the first coordinate.
  const ParameterPtr x = make_parameter("x", ParamKind::kWeight, Tensor::from({2}, {1, 10}));
  const OptimizerPtr optimizer = make_optimizer("steadfast:lr=0.05,most=20", {x});
  std::printf("%s\n", optimizer->spec().c_str());
  for (int t = 1; t <= 60; ++t) {
    const real* w = x->value.data();
    x->grad = Tensor::from({2}, {100 * w[0], w[1]});
    optimizer->step();
    // The first two steps by hand: 0.05 each way, then 0.06 where the sign stayed.
    if (t == 2 && (std::abs(w[0] - real(0.89)) > real(1e-6) || std::abs(w[1] - real(9.89)) > real(1e-5)))
      return 1;
    if (t % 20 == 0)
      std::printf("step %d: (%.4f, %.4f)\n", t, static_cast<double>(w[0]), static_cast<double>(w[1]));
  }
  return std::abs(x->value.data()[0]) < 0.05 && std::abs(x->value.data()[1]) < 0.5 ? 0 : 1;
}
