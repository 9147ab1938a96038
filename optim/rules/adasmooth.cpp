// AdaSmooth: the second moment forgets by how straight an element has moved.
// Paper: Lu, "AdaSmooth: An Adaptive Learning Rate Method based on Effective Ratio", 2022, arXiv 2204.00825.
//   g <- g + weight_decay*w
//   e = |sum of moves|/(sum of |moves|), 1 where there is none       over the last `window` moves of w; 0: all so far
//   c = ((rho2 - rho1)*e + 1 - rho2)^2;   v = c*g^2 + (1-c)*v
//   move = -lr*g/sqrt(v + eps);   w <- w + move
#include <array>

#include "optim/rules/zoo.h"
#include "optim/vocabulary/parts.h"
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
    const auto advance = [=](real& w, real g, real& v, real sum, real size) {
      g += l2 * w;
      const real c = square(slope * (size > 0 ? std::abs(sum) / size : real(1)) + rest);
      v = c * (g * g) + (1 - c) * v;
      const real move = -lr * g / std::sqrt(v + eps);
      w += move;
      return move;
    };
    if (o.window == 0) {
      for_each_element(p.data, p.grad, s("v"), s("sum"), s("size"),
                       [=](real& w, real g, real& v, real& sum, real& size) {
                         const real move = advance(w, g, v, sum, size);
                         sum += move;
                         size += std::abs(move);
                       });
      return;
    }
    // Sums over the window anew: running differences would leave rounding behind.
    Ring ring(s, o.window);
    std::vector<const real*> held;
    for (int64 i = 0; i < std::min(o.window, ring.pushed()); ++i) held.push_back(ring.newest(i).data());
    real *place = ring.open().mutable_data(), *weights = p.data.mutable_data(), *v = s("v").mutable_data();
    const real* grad = p.grad.data();
    for_each_part(p.data.numel(), [&](Part part) {
      std::array<real, Part::kMost> sum{}, size{};
      for (const real* moves : held)
        elements(
            part.count,
            [](real& all, real& total, real x) {
              all += x;
              total += std::abs(x);
            },
            sum.data(), size.data(), moves + part.first);
      elements(
          part.count,
          [=](real& w, real g, real& second, real a, real b, real& move) {
            move = advance(w, g, second, a, b);
          },
          weights + part.first, grad + part.first, v + part.first, std::as_const(sum).data(),
          std::as_const(size).data(), place + part.first);
    });
  }
};

}  // namespace

OptimizerEntry adasmooth() {
  return rule_entry<AdaSmooth>(
      {"adasmooth", "RMSprop that forgets by how straight each element moves", "Lu, 2022, arXiv 2204.00825"});
}

}  // namespace gradus::rules
