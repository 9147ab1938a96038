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
// rmpe_grad extrapolates the last r+1 gradients tensor by tensor: differences U, (U'U + reg*I) z = 1, c =
// z/sum(z), pred = sum of c_i*(later end of difference i); 0 until r+1 gradients are known. reg_relative:
// reg*trace(U'U). The experiments' code predicts by the gradient at extrapolated iterates; that form is not
// offered.
#include "optim/extrapolate.h"
#include "optim/ring.h"
#include "optim/rules/rules.h"
#include "optim/vocabulary.h"

namespace gradus::rules {
namespace {

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

  // pred <- guess of the gradient after g.
  static void predict(State& s, const Options& o, const Tensor& g) {
    if (o.predictor == "last_grad") return s("pred").copy_from(g);
    if (o.predictor == "zero") return;
    Ring ring(s, o.r + 1);
    ring.push(g);
    if (!ring.full()) return;
    const auto r = static_cast<size_t>(o.r);
    std::vector<double> gram(r * r);
    double trace = 0;
    for (int64 i = 0; i < o.r; ++i)
      for (int64 j = 0; j <= i; ++j) {
        const double product =
            sum_elements(ring[i], ring[i + 1], ring[j], ring[j + 1],
                         [](real a, real b, real c, real d) { return double(b - a) * double(d - c); });
        gram[static_cast<size_t>(i) * r + static_cast<size_t>(j)] = product;
        gram[static_cast<size_t>(j) * r + static_cast<size_t>(i)] = product;
        if (i == j) trace += product;
      }
    const std::vector<double> c = extrapolation_weights(gram, o.reg_relative ? o.reg * trace : o.reg);
    Tensor& pred = s("pred");
    pred.fill(0);
    for (int64 i = 0; i < o.r; ++i)
      for_each_element(pred, ring[i + 1],
                       [weight = real(c[static_cast<size_t>(i)])](real& x, real y) { x += weight * y; });
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real a = real(o.bias_correction ? efficient_step(lr, o.beta1, o.beta2, k.t) : lr),
               eps = real(o.eps);
    const real l2 = real(o.weight_decay), b1 = real(o.beta1), a1 = real(1 - o.beta1);
    const Ema first(o.beta1), second(o.beta2);
    const bool lags = o.h_lag == 1;
    // The prediction needs the whole gradient, hence two passes; the first leaves in `theta_h` the theta of
    // h.
    Tensor g(p.grad.shape()), theta_h(p.grad.shape());
    s.starting_at("aux", p.data);
    for_each_element(g, p.grad, std::as_const(p.data), s("theta"), theta_h, std::as_const(s("pred")), s("v"),
                     s("vhat"),
                     [=](real& x, real y, real w, real& theta, real& of_h, real pred, real& v, real& vhat) {
                       x = y + l2 * w;
                       const real old = theta;
                       theta = first(theta, x);
                       of_h = lags ? old : theta;
                       v = second(v, square(x - pred));
                       vhat = std::max(vhat, v);
                     });
    predict(s, o, g);
    for_each_element(p.data, s("aux"), std::as_const(s("theta")), std::as_const(theta_h),
                     std::as_const(s("pred")), std::as_const(s("vhat")),
                     [=](real& w, real& aux, real theta, real of_h, real pred, real vhat) {
                       const real step = a / (std::sqrt(vhat) + eps);
                       aux -= step * theta;
                       w = aux - step * (b1 * of_h + a1 * pred);
                     });
  }
};

}  // namespace

OptimizerEntry opt_amsgrad() {
  return rule_entry<OptAmsGrad>({"opt-amsgrad",
                                 "AMSGrad that also takes the step the next gradient will call for",
                                 "Wang, Li, Karimi, Li, ACML 2021, arXiv 1903.01435",
                                 "theta_old = theta;  theta = beta1*theta + (1-beta1)*g\n"
                                 "v = beta2*v + (1-beta2)*(g - pred)^2;  vhat = max(vhat, v)\n"
                                 "a = lr*sqrt(1-beta2^t)/(1-beta1^t)      (lr without bias_correction)\n"
                                 "aux = aux - a*theta/(sqrt(vhat) + eps)\n"
                                 "pred = guess of the next gradient, extrapolated from the last r+1\n"
                                 "w = aux - a*(beta1*theta_old + (1-beta1)*pred)/(sqrt(vhat) + eps)",
                                 70});
}

}  // namespace gradus::rules
