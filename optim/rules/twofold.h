// What AdaBelief and AdaMomentum share besides their moments: decay in three forms, and the options AMSGrad (Reddi, Kale,
// Kumar, ICLR 2018) and RAdam's rectification (radam.cpp).
//   w <- w - lr*weight_decay*w  (fixed_decay: without lr), or not decoupled: g <- g + weight_decay*w
//   amsgrad: vmax = max(vmax, v), in place of v in the step
//   rectify, r_t as in RAdam: w <- w - lr*r_t*sqrt(1-beta2^t)/(1-beta1^t) * m/(sqrt(v) + eps);
//            too early for r_t: w <- w - lr/(1-beta1^t) * m, or no step
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

/// One step: decay, moments(g, m, v), then move(w, m, v); with amsgrad the largest v so far in place of v, with rectify
/// RAdam's step in place of move.
template <class Moments, class Move>
void twofold_update(Param& p, State& s, const TwofoldOptions& o, const StepInfo& k, const Moments& moments,
                    const Move& move) {
  const double lr = o.lr * k.lr_scale;
  const Decay decay = Decay::of(o.weight_decay, o.fixed_decay ? 1 : lr, o.decoupled);
  const auto begin = [=](real& w, real g, real& m, real& v) {
    g += decay.l2 * w;
    w *= decay.keep;
    moments(g, m, v);
  };
  if (o.rectify) {
    const double c1 = bias_correction(o.beta1, k.t), c2 = bias_correction(o.beta2, k.t);
    const auto r = rectification(o.beta2, k.t);
    const real adaptive = real(r ? lr * *r * std::sqrt(c2) / c1 : 0), eps = real(o.eps);
    const real plain = real(!r && o.degenerated_to_sgd ? lr / c1 : 0);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      begin(w, g, m, v);
      w -= adaptive * m / (std::sqrt(v) + eps) + plain * m;
    });
  } else if (o.amsgrad) {
    for_each_element(p.data, p.grad, s("m"), s("v"), s("vmax"),
                     [=](real& w, real g, real& m, real& v, real& top) {
                       begin(w, g, m, v);
                       top = std::max(top, v);
                       move(w, m, top);
                     });
  } else {
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      begin(w, g, m, v);
      move(w, m, v);
    });
  }
}

}  // namespace gradus::rules
