// AdaSmooth: the second moment forgets by how straight an element has moved.
// Paper: Lu, "AdaSmooth: An Adaptive Learning Rate Method based on Effective Ratio", 2022, arXiv 2204.00825.
//   g <- g + weight_decay*w
//   e = |sum of moves|/(sum of |moves|), 1 where there is none       over the last `window` moves of w; 0: all so far
//   c = ((rho2 - rho1)*e + 1 - rho2)^2;   v = c*g^2 + (1-c)*v
//   move = -lr*g/sqrt(v + eps);   w <- w + move
#include "optim/rules/zoo.h"
#include "optim/vocabulary/ring.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdaSmooth {
  struct Options {
    double lr = 1e-3, rho1 = 0.5, rho2 = 0.99, eps = 1e-6, weight_decay = 0;
    int64 window = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("rho1", rho1, "decay where an element moves straight ahead", decay_rate());
      f("rho2", rho2, "decay where it moves to and fro", decay_rate());
      f("window", window, "moves that count; 0: all", at_least(0));
      f("eps", eps, "added under the root", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), eps = real(o.eps);
    const real slope = real(o.rho2 - o.rho1), rest = real(1 - o.rho2);
    Tensor move(p.data.shape());
    const auto advance = [=](real& w, real g, real& v, real sum, real size, real& x) {
      g += l2 * w;
      const real c = square(slope * (size > 0 ? std::abs(sum) / size : real(1)) + rest);
      v = c * (g * g) + (1 - c) * v;
      x = -lr * g / std::sqrt(v + eps);
      w += x;
    };
    if (o.window == 0) {
      for_each_element(p.data, p.grad, s("v"), std::as_const(s("sum")), std::as_const(s("size")), move,
                       advance);
      for_each_element(s("sum"), s("size"), std::as_const(move), [](real& sum, real& size, real x) {
        sum += x;
        size += std::abs(x);
      });
      return;
    }
    // Sums over the window anew: running differences would leave rounding behind.
    Ring ring(s, o.window);
    Tensor sum = Tensor::zeros(p.data.shape()), size = Tensor::zeros(p.data.shape());
    for (int64 i = 0; i < std::min(o.window, ring.pushed()); ++i)
      for_each_element(sum, size, ring.newest(i), [](real& all, real& total, real x) {
        all += x;
        total += std::abs(x);
      });
    for_each_element(p.data, p.grad, s("v"), std::as_const(sum), std::as_const(size), move, advance);
    ring.push(move);
  }
};

}  // namespace

OptimizerEntry adasmooth() {
  return rule_entry<AdaSmooth>({"adasmooth", "RMSprop that forgets by how straight each element moves",
                                "Lu, 2022, arXiv 2204.00825", 3});
}

}  // namespace gradus::rules
