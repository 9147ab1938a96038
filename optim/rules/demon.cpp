// DEMON: momentum that decays over training.
// Paper: Chen, Wolfe, Li, Kyrillidis, "Demon: Improved Neural Network Training with Momentum Decay", ICASSP 2022,
//        arXiv 1910.04952, Algorithms 1 and 2.
//   f = max(0, 1 - (t-1)/total_steps);   b_t = b*f/((1-b) + b*f),   b = momentum or beta1
//   demon-sgd:   g <- g + weight_decay*w;   v = b_t*v + g;   w <- w - lr*v
//   demon-adam:  w <- w - lr*weight_decay*w;   m = b_t*m + g;   v = beta2*v + (1-beta2)*g^2
//                w <- w - lr*m/(sqrt(v/(1-beta2^t)) + eps)
// demon-adam has neither a factor (1-b) nor a correction of m: the paper's Algorithm 2.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

double decaying_momentum(double b, int64 t, double total_steps) {
  const double f = std::max(0.0, 1 - static_cast<double>(t - 1) / total_steps);
  return b * f / ((1 - b) + b * f);
}

struct DemonSgd {
  struct Options {
    double lr = 0.01, momentum = 0.9, total_steps = 1000, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "share of the velocity that is kept at the start", decay_rate());
      f("total_steps", total_steps, "steps over which it falls to zero: those of the run", positive());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay),
               b = real(decaying_momentum(o.momentum, k.t, o.total_steps));
    for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
      v = b * v + (g + l2 * w);
      w -= lr * v;
    });
  }
};

struct DemonAdam {
  struct Options : MomentOptions {
    double total_steps = 1000;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("total_steps", total_steps, "steps over which beta1 falls to zero: those of the run", positive());
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real step = real(lr), keep = Decay::decoupled(o.weight_decay, lr).keep, eps = real(o.eps);
    const real b = real(decaying_momentum(o.beta1, k.t, o.total_steps)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    const Ema second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = b * m + g;
      v = second(v, g * g);
      w = keep * w - step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry demon_sgd() {
  return rule_entry<DemonSgd>({"demon-sgd", "SGD whose momentum decays to zero over the run",
                               "Chen, Wolfe, Li, Kyrillidis, ICASSP 2022, arXiv 1910.04952"});
}
OptimizerEntry demon_adam() {
  return rule_entry<DemonAdam>({"demon-adam", "Adam whose momentum decays to zero over the run",
                                "Chen, Wolfe, Li, Kyrillidis, ICASSP 2022, arXiv 1910.04952"});
}

}  // namespace gradus::rules
