// VSGD: variational stochastic gradient descent.
// Paper: Chen, Kuzina, Esmaeili, Tomczak, "Variational Stochastic Gradient Descent for Deep Neural Networks", TMLR 2024,
//        arXiv 2404.06549.
//   w <- w - lr*weight_decay*w;   a = 2*ps + 1 + 1e-4,  p = 2*ps,  q = 2*ghattg*ps
//   step 1: x = p/(a-1), y = q/(a-1);   later x = b/a, y = h/a
//   m0 = m;   m = (y*m + x*g)/(x + y);   s2 = x*y/(x + y)
//   b = (1-r1)*b + r1*(p + s2 + (m - m0)^2),  r1 = t^-tau1;   h = (1-r2)*h + r2*(q + s2 + (m - g)^2),  r2 = t^-tau2
//   w <- w - lr*m/(sqrt(m^2 + s2) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Vsgd {
  struct Options {
    double lr = 0.1, ghattg = 30, ps = 1e-8, tau1 = 0.81, tau2 = 0.9, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("ghattg", ghattg, "prior variance of the noise over that of the gradient", positive());
      f("ps", ps, "prior strength", positive());
      f("tau1", tau1, "how fast the gradient's variance forgets", positive());
      f("tau2", tau2, "how fast the noise's variance forgets", positive());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, prior = 2 * o.ps, noise = 2 * o.ghattg * o.ps,
                 above = 2 * o.ps + 1e-4;
    // In step 1 b and h are 0 and x, y constants; later these are 0.
    const bool start = k.t == 1;
    const real x1 = real(start ? prior / above : 0), y1 = real(start ? noise / above : 0);
    const real over_a = real(1 / (above + 1));
    const real of_p = real(prior), of_q = real(noise), eps = real(o.eps), step = real(lr);
    const double t = static_cast<double>(k.t);
    const real r1 = real(std::pow(t, -o.tau1)), r2 = real(std::pow(t, -o.tau2));
    const real keep = Decay::decoupled(o.weight_decay, lr).keep;
    for_each_element(p.data, p.grad, s("m"), s("b"), s("h"), [=](real& w, real g, real& m, real& b, real& h) {
      const real x = x1 + b * over_a, y = y1 + h * over_a, m0 = m;
      m = (y * m + x * g) / (x + y);
      const real s2 = x * (y / (x + y));
      b = (1 - r1) * b + r1 * (of_p + s2 + square(m - m0));
      h = (1 - r2) * h + r2 * (of_q + s2 + square(m - g));
      w = keep * w - step * m / (std::sqrt(m * m + s2) + eps);
    });
  }
};

}  // namespace

OptimizerEntry vsgd() {
  return rule_entry<Vsgd>({"vsgd", "the gradient inferred from its noise by variational Bayes",
                           "Chen, Kuzina, Esmaeili, Tomczak, TMLR 2024, arXiv 2404.06549"});
}

}  // namespace gradus::rules
