// OPT-AMSGrad.
// Paper: Wang, Li, Karimi, Li, "An Optimistic Acceleration of AMSGrad for Nonconvex Optimization", ACML 2021,
//        arXiv 1903.01435, Algorithm 2, with the extrapolation of its Algorithm 3.
//   g = gradient at w + weight_decay*w
//   theta_old = theta;  theta = beta1*theta + (1-beta1)*g
//   v = beta2*v + (1-beta2)*(g - pred)^2;  vhat = max(vhat, v)
//   a = lr*sqrt(1-beta2^t)/(1-beta1^t), or lr without bias_correction (the paper)
//   aux = aux - a*theta/(sqrt(vhat) + eps)                    (from aux = w)
//   pred = guess of the next gradient: rmpe_grad, last_grad or zero
//   h = beta1*theta_old + (1-beta1)*pred                       (h_lag = 0: theta for theta_old)
//   w = aux - a*h/(sqrt(vhat) + eps)
// rmpe_grad extrapolates the last r+1 gradients tensor by tensor (vocabulary/next_gradient.h); 0 until they are known. The
// experiments' code predicts by the gradient at extrapolated iterates; that form is not offered.
#include "optim/rules/rules.h"
#include "optim/vocabulary/next_gradient.h"
#include "optim/vocabulary/parts.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

// g + weight_decay*w.
Tensor with_decay(const Param& p, double weight_decay) {
  if (weight_decay == 0) return p.grad;
  Tensor g(p.grad.shape());
  for_each_element(g, p.grad, std::as_const(p.data),
                   [l2 = real(weight_decay)](real& x, real y, real w) { x = y + l2 * w; });
  return g;
}

struct OptAmsGrad {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, eps = 1e-8;
    int64 r = 5;
    double reg = 1e-3;
    bool reg_relative = false;
    double weight_decay = 0;
    std::string predictor = "rmpe_grad";
    bool bias_correction = true;
    int64 h_lag = 1;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared prediction errors", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("r", r, "differences of gradients to extrapolate from", between(1, 64));
      f("reg", reg, "regularisation of the extrapolation", at_least(0));
      f("reg_relative", reg_relative, "reg in units of the trace of U'U");
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("predictor", predictor, "guess of the next gradient", choices({"rmpe_grad", "last_grad", "zero"}));
      f("bias_correction", bias_correction, "Adam's bias corrections (code: yes, paper: no)");
      f("h_lag", h_lag, "1: h from the mean before this step, 0: after it", between(0, 1));
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real a = real(o.bias_correction ? efficient_step(lr, o.beta1, o.beta2, k.t) : lr),
               eps = real(o.eps);
    const real b1 = real(o.beta1), a1 = real(1 - o.beta1);
    const Ema first(o.beta1), second(o.beta2);
    const bool lags = o.h_lag == 1;
    const auto measure = [=](real g, real pred, real& v, real& vhat) {
      v = second(v, square(g - pred));
      vhat = std::max(vhat, v);
    };
    const auto move = [=](real& w, real g, real& theta, real& aux, real pred, real vhat) {
      const real old = theta;
      theta = first(theta, g);
      const real h = b1 * (lags ? old : theta) + a1 * pred;
      const real step = a / (std::sqrt(vhat) + eps);
      aux -= step * theta;
      w = aux - step * h;
    };

    const Tensor gradient = with_decay(p, o.weight_decay);
    s.starting_at("aux", p.data);
    const real* g = gradient.data();
    real *w = p.data.mutable_data(), *theta = s("theta").mutable_data(), *aux = s("aux").mutable_data(),
         *v = s("v").mutable_data(), *vhat = s("vhat").mutable_data(), *pred = s("pred").mutable_data();
    const auto measure_part = [&](Part part) { elements(part, measure, g, pred, v, vhat); };
    const auto move_part = [&](Part part) { elements(part, move, w, g, theta, aux, pred, vhat); };
    if (o.predictor == "rmpe_grad") {
      NextGradient next(s, o.r, o.reg, o.reg_relative);
      next.take(gradient, measure_part);
      next.guess(s("pred"), move_part);
      return;
    }
    const bool repeat = o.predictor == "last_grad";
    for_each_part(p.data.numel(), [&](Part part) {
      measure_part(part);
      if (repeat) std::copy_n(g + part.first, part.count, pred + part.first);
      move_part(part);
    });
  }
};

}  // namespace

OptimizerEntry opt_amsgrad() {
  return rule_entry<OptAmsGrad>({"opt-amsgrad",
                                 "AMSGrad that also takes the step the next gradient will call for",
                                 "Wang, Li, Karimi, Li, ACML 2021, arXiv 1903.01435", 12});
}

}  // namespace gradus::rules
