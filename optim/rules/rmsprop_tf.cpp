// RMSprop as in TensorFlow (no paper; also timm's): eps under the root, the mean of squares starts at 1.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   v = beta2*v + (1-beta2)*g^2,  v = 1 at first;   u = g/sqrt(v + eps)
//   momentum > 0: lr_in_momentum: b = momentum*b + lr*u,  w <- w - b;   else b = momentum*b + u,  w <- w - lr*b
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct RmspropTf {
  struct Options {
    double lr = 0.01, beta2 = 0.9, eps = 1e-10, momentum = 0, weight_decay = 0;
    bool decoupled = false, lr_in_momentum = true;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added under the root", epsilon());
      f("momentum", momentum, "share of the velocity that is kept", decay_rate());
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("lr_in_momentum", lr_in_momentum, "the velocity holds steps with the lr of their time");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema second(o.beta2);
    const real eps = real(o.eps), mu = real(o.momentum);
    const real inside = real(o.lr_in_momentum ? lr : 1), outside = real(o.lr_in_momentum ? 1 : lr);
    Tensor& squares = filled(s, "v", 1);
    const auto direction = [=](real w, real g, real& v) {
      g += decay.l2 * w;
      v = second(v, g * g);
      return g / std::sqrt(v + eps);
    };
    if (o.momentum == 0)
      for_each_element(p.data, p.grad, squares, [=, step = real(lr)](real& w, real g, real& v) {
        const real u = direction(w, g, v);
        w = decay.keep * w - step * u;
      });
    else
      for_each_element(p.data, p.grad, squares, s("b"), [=](real& w, real g, real& v, real& b) {
        b = mu * b + inside * direction(w, g, v);
        w = decay.keep * w - outside * b;
      });
  }
};

}  // namespace

OptimizerEntry rmsprop_tf() {
  return rule_entry<RmspropTf>(
      {"rmsprop-tf", "RMSprop with eps under the root and a first mean of 1", "form of TensorFlow"});
}

}  // namespace gradus::rules
