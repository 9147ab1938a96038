// SMORMS3: squared mean over root mean squared cubed.
// Source: Funk, "RMSprop loses to SMORMS3 - Beware the Epsilon!", 2015 (no paper).
//   mem = 1 at first;   r = 1/(mem + 1);   a = (1-r)*a + r*g;   b = (1-r)*b + r*g^2
//   x = a^2/(b + eps);   mem = 1 + mem*(1 - x)
//   w <- w - min(lr, x)*g/(sqrt(b) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Smorms3 {
  struct Options {
    double lr = 1e-3, eps = 1e-16;
    void visit(auto&& f) {
      f("lr", lr, "largest step size", positive());
      f("eps", eps, "added to the second moment and to its root", epsilon());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), eps = real(o.eps);
    Tensor& memory = filled(s, "mem", 1);
    for_each_element(p.data, p.grad, s("a"), s("b"), memory,
                     [=](real& w, real g, real& a, real& b, real& mem) {
                       const real r = 1 / (mem + 1);
                       a = (1 - r) * a + r * g;
                       b = (1 - r) * b + r * (g * g);
                       const real x = a * a / (b + eps);
                       mem = 1 + mem * (1 - x);
                       w -= std::min(lr, x) * g / (std::sqrt(b) + eps);
                     });
  }
};

}  // namespace

OptimizerEntry smorms3() {
  return rule_entry<Smorms3>(
      {"smorms3", "RMSprop whose memory and step follow the signal-to-noise ratio", "Funk, 2015"});
}

}  // namespace gradus::rules
