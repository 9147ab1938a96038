// PNM and AdaPNM: positive-negative momentum.
// Paper: Xie, Yuan, Zhu, Sugiyama, "Positive-Negative Momentum: Manipulating Stochastic Gradient Noise to Improve
//        Generalization", ICML 2021, arXiv 2103.17182.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   odd steps: p = beta1^2*p + (1-beta1^2)*g, even steps: q the same;  a = the one just updated, b = the other
//   pnm:     w <- w - lr * ((1+beta2)*a - beta2*b)/sqrt((1+beta2)^2 + beta2^2)
//   adapnm:  v = beta2*v + (1-beta2)*g^2                                    amsgrad: vmax = max(vmax, v), in place of v
//            w <- w - lr/(1-beta1^t) * ((1+beta3)*a - beta3*b)/n / (sqrt(v/(1-beta2^t)) + eps),
//            n = sqrt((1+beta3)^2 + beta3^2)
// As in the authors' code beta1 is squared in the means and not in the correction.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

/// The two means, the one of this step first.
struct Pair {
  Tensor &a, &b;
  Pair(State& s, int64 t) : a(s(t % 2 ? "p" : "q")), b(s(t % 2 ? "q" : "p")) {}
};
double noise_norm(double beta) { return std::hypot(1 + beta, beta); }

struct Pnm {
  struct Options {
    double lr = 0.1, beta1 = 0.9, beta2 = 1, weight_decay = 0;
    bool decoupled = true;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient means, squared", decay_rate());
      f("beta2", beta2, "weight of the negative momentum", at_least(0));
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema mean(o.beta1 * o.beta1);
    const real plus = real(lr * (1 + o.beta2) / noise_norm(o.beta2)),
               minus = real(lr * o.beta2 / noise_norm(o.beta2));
    Pair pair(s, k.t);
    for_each_element(p.data, p.grad, pair.a, std::as_const(pair.b), [=](real& w, real g, real& a, real b) {
      g += decay.l2 * w;
      a = mean(a, g);
      w = decay.keep * w - (plus * a - minus * b);
    });
  }
};

struct AdaPnm {
  struct Options : MomentOptions {
    double beta3 = 1;
    bool decoupled = true, amsgrad = true;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("beta3", beta3, "weight of the negative momentum", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, step = lr / bias_correction(o.beta1, k.t) / noise_norm(o.beta3);
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema mean(o.beta1 * o.beta1), second(o.beta2);
    const real plus = real(step * (1 + o.beta3)), minus = real(step * o.beta3);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const auto move = [=](real& w, real g, real& a, real b, real& v, real& top) {
      g += decay.l2 * w;
      a = mean(a, g);
      v = second(v, g * g);
      top = std::max(top, v);
      w = decay.keep * w - (plus * a - minus * b) / (std::sqrt(top) * root + eps);
    };
    Pair pair(s, k.t);
    if (o.amsgrad)
      for_each_element(p.data, p.grad, pair.a, std::as_const(pair.b), s("v"), s("vmax"), move);
    else
      for_each_element(p.data, p.grad, pair.a, std::as_const(pair.b), s("v"),
                       [=](real& w, real g, real& a, real b, real& v) {
                         real none = 0;
                         move(w, g, a, b, v, none);
                       });
  }
};

}  // namespace

OptimizerEntry pnm() {
  return rule_entry<Pnm>({"pnm", "difference of two momenta, of odd and even steps",
                          "Xie, Yuan, Zhu, Sugiyama, ICML 2021, arXiv 2103.17182"});
}
OptimizerEntry adapnm() {
  return rule_entry<AdaPnm>({"adapnm", "Adam with positive-negative momentum",
                             "Xie, Yuan, Zhu, Sugiyama, ICML 2021, arXiv 2103.17182"});
}

}  // namespace gradus::rules
