// AdaBound, with AMSBound and AdaBoundW.
// Paper: Luo, Xiong, Liu, Sun, "Adaptive Gradient Methods with Dynamic Bound of Learning Rate", ICLR 2019,
//        arXiv 1902.09843.
//   g <- g + weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2           amsbound: vmax = max(vmax, v), in place of v below
//   f = final_lr*lr_scale                        lr_scale: the factor of the schedule
//   lower = f*(1 - 1/(gamma*t + 1)),  upper = f*(1 + 1/(gamma*t))
//   eta = min(max( lr*sqrt(1-beta2^t)/(1-beta1^t) / (sqrt(v) + eps), lower), upper)
//   w <- w - eta*m
//   adaboundw: no decay in g; w <- w - eta*m - weight_decay*w, without lr
// The paper's listing has eta/sqrt(t) (for its regret proof) and no bias correction; its experiments and
// code, and we, have no 1/sqrt(t) and correct the bias inside the bounds.
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct BoundOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, final_lr = 0.1, gamma = 1e-3, eps = 1e-8, weight_decay = 0;
  bool amsbound = false;
  void visit_common(auto&& f) {
    f("lr", lr, "step size of the Adam phase", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("final_lr", final_lr, "step size of the SGD that it becomes (on the gradient mean)", positive());
    f("gamma", gamma, "how fast the bounds close", positive());
    f("eps", eps, "added to the root", epsilon());
    f("weight_decay", weight_decay, "weight decay", at_least(0));
  }
};

void bound_update(Param& p, State& s, const BoundOptions& o, const StepInfo& k, const Decay& decay) {
  const double f = o.final_lr * k.lr_scale, age = o.gamma * static_cast<double>(k.t);
  const real lower = real(f * (1 - 1 / (age + 1))), upper = real(f * (1 + 1 / age));
  const real step = real(efficient_step(o.lr * k.lr_scale, o.beta1, o.beta2, k.t)), eps = real(o.eps);
  const Ema first(o.beta1), second(o.beta2);
  const auto moments = [=](real w, real g, real& m, real& v) {
    g += decay.l2 * w;
    m = first(m, g);
    v = second(v, g * g);
  };
  const auto move = [=](real& w, real m, real v) {
    const real eta = std::min(std::max(step / (std::sqrt(v) + eps), lower), upper);
    w = decay.keep * w - eta * m;
  };
  if (o.amsbound)
    for_each_element(p.data, p.grad, s("m"), s("v"), s("vmax"),
                     [=](real& w, real g, real& m, real& v, real& top) {
                       moments(w, g, m, v);
                       top = std::max(top, v);
                       move(w, m, top);
                     });
  else
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      moments(w, g, m, v);
      move(w, m, v);
    });
}

struct AdaBound {
  struct Options : BoundOptions {
    void visit(auto&& f) {
      visit_common(f);
      f("amsbound", amsbound, "use the largest second moment so far");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    bound_update(p, s, o, k, Decay::coupled(o.weight_decay));
  }
};

struct AmsBound {
  struct Options : BoundOptions {
    Options() { amsbound = true; }
    void visit(auto&& f) { visit_common(f); }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    bound_update(p, s, o, k, Decay::coupled(o.weight_decay));
  }
};

struct AdaBoundW {
  using Options = AdaBound::Options;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    bound_update(p, s, o, k, Decay::decoupled(o.weight_decay, 1));
  }
};

constexpr const char* kAdaBoundPaper = "Luo, Xiong, Liu, Sun, ICLR 2019, arXiv 1902.09843";

}  // namespace

OptimizerEntry adabound() {
  return rule_entry<AdaBound>({"adabound", "Adam whose step sizes close in on SGD's", kAdaBoundPaper});
}
OptimizerEntry amsbound() {
  return rule_entry<AmsBound>({"amsbound", "AdaBound on AMSGrad", kAdaBoundPaper});
}
OptimizerEntry adaboundw() {
  return rule_entry<AdaBoundW>(
      {"adaboundw", "AdaBound with decay of the weights, without lr", kAdaBoundPaper});
}

}  // namespace gradus::rules
