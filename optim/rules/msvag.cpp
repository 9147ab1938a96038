// M-SVAG: momentum with stochastic variance-adapted gradients.
// Paper: Balles, Hennig, "Dissecting Adam: The Sign, Magnitude and Variance of Stochastic Gradients", ICML 2018,
//        arXiv 1705.07774.
//   m = mbar/(1-beta^t), v = vbar/(1-beta^t),  mbar, vbar running means of g, g^2 with decay beta
//   r = (1-beta)*(1+beta^t)/((1+beta)*(1-beta^t));   s = max((v - m^2)/(1-r), 0)
//   w <- w - lr*m*m^2/(m^2 + r*s)                              0/0 = 0; in step 1 the factor is 1
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Msvag {
  struct Options {
    double lr = 0.1, beta = 0.9;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta", beta, "decay of both means", decay_rate());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double c1 = bias_correction(o.beta, k.t), r = (1 - o.beta) * (2 - c1) / ((1 + o.beta) * c1);
    const real c = real(1 / c1), ratio = real(k.t == 1 ? 0 : r / (1 - r)), lr = real(o.lr * k.lr_scale);
    const Ema mean(o.beta);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& mbar, real& vbar) {
      mbar = mean(mbar, g);
      vbar = mean(vbar, g * g);
      const real m = c * mbar, m2 = m * m, noise = ratio * std::max(c * vbar - m2, real(0));
      const real all = m2 + noise;
      w -= all > 0 ? lr * m * (m2 / all) : real(0);
    });
  }
};

}  // namespace

OptimizerEntry msvag() {
  return rule_entry<Msvag>({"msvag", "momentum damped by the estimated variance of the gradient",
                            "Balles, Hennig, ICML 2018, arXiv 1705.07774"});
}

}  // namespace gradus::rules
