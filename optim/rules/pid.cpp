// PID: SGD as a controller with integral and derivative part.
// Paper: An, Wang, Sun, Xu, Dai, Zhang, "A PID Controller Approach for Stochastic Optimization of Deep Networks",
//        CVPR 2018.
//   g <- g + weight_decay*w
//   i = momentum*i + (1-dampening)*g                               in step 1: i = g
//   d = momentum*d + (1-momentum)*(g - g_prev);  g_prev = g        in step 1: d = 0
//   w <- w - lr*(g + integral*i + derivative*d)
// In the released code g_prev aliases the gradient that step 1 changes; here it is the gradient.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Pid {
  struct Options {
    double lr = 1e-3, momentum = 0.9, integral = 5, derivative = 10, dampening = 0, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "decay of the integral and of the derivative", decay_rate());
      f("integral", integral, "weight of the integral part", at_least(0));
      f("derivative", derivative, "weight of the derivative part", at_least(0));
      f("dampening", dampening, "share of the gradient that does not enter the integral", between(0, 1));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool first = k.t == 1;
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), keep = real(o.momentum);
    const real take = first ? real(1) : real(1 - o.dampening),
               change = first ? real(0) : real(1 - o.momentum);
    const real integral = real(o.integral), derivative = real(o.derivative);
    for_each_element(p.data, p.grad, s("i"), s("d"), s("g_prev"),
                     [=](real& w, real g, real& i, real& d, real& g_prev) {
                       g += l2 * w;
                       i = keep * i + take * g;
                       d = keep * d + change * (g - g_prev);
                       g_prev = g;
                       w -= lr * (g + integral * i + derivative * d);
                     });
  }
};

}  // namespace

OptimizerEntry pid() {
  return rule_entry<Pid>(
      {"pid", "a controller: gradient, its integral and its derivative", "An et al., CVPR 2018"});
}

}  // namespace gradus::rules
