// What AdaBelief and AdaMomentum share: a second moment of something made from the new gradient mean, eps
// stored in it at every step, decay in three forms, RAdam's rectification as an option.
#pragma once

#include "optim/rule.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {

struct TwofoldOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-16, weight_decay = 0;
  bool decoupled = true, fixed_decay = false, rectify = false, degenerated_to_sgd = true, amsgrad = false;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the second moment", decay_rate());
    f("eps", eps, "added to the stored second moment at every step", epsilon());
    f("weight_decay", weight_decay, "weight decay", at_least(0));
    f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    f("fixed_decay", fixed_decay, "decoupled decay by weight_decay itself, without lr");
    f("rectify", rectify, "RAdam's rectification of the step");
    f("degenerated_to_sgd", degenerated_to_sgd,
      "with rectify: SGD on the mean in the first steps, else none");
    f("amsgrad", amsgrad, "divide by the largest second moment so far (not with rectify)");
  }
};

/// One step. The second moment of `deviation(g, m)`, squared; `eps_outside` is added to the corrected root.
template <class Deviation>
void twofold_update(Param& p, State& s, const TwofoldOptions& o, const StepInfo& k, double eps_outside,
                    const Deviation& deviation) {
  const double lr = o.lr * k.lr_scale, c1 = bias_correction(o.beta1, k.t), c2 = bias_correction(o.beta2, k.t);
  const Decay decay = Decay::of(o.weight_decay, o.fixed_decay ? 1 : lr, o.decoupled);
  const Ema first(o.beta1), second(o.beta2);
  const real eps = real(o.eps);
  const auto moments = [=](real& w, real g, real& m, real& v) {
    g += decay.l2 * w;
    w *= decay.keep;
    m = first(m, g);
    v = second(v, square(deviation(g, m))) + eps;
  };
  if (o.rectify) {
    const auto r = rectification(o.beta2, k.t);
    const real adaptive = real(r ? lr * *r * std::sqrt(c2) / c1 : 0);
    const real plain = real(!r && o.degenerated_to_sgd ? lr / c1 : 0);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      moments(w, g, m, v);
      w -= adaptive * m / (std::sqrt(v) + eps) + plain * m;
    });
    return;
  }
  const real step = real(lr / c1), root = real(1 / std::sqrt(c2)), outside = real(eps_outside);
  if (o.amsgrad)
    for_each_element(p.data, p.grad, s("m"), s("v"), s("vmax"),
                     [=](real& w, real g, real& m, real& v, real& top) {
                       moments(w, g, m, v);
                       top = std::max(top, v);
                       w -= step * m / (std::sqrt(top) * root + outside);
                     });
  else
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      moments(w, g, m, v);
      w -= step * m / (std::sqrt(v) * root + outside);
    });
}

}  // namespace gradus::rules
