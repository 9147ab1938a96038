// Aida: AdaBelief with gradient and momentum projected onto each other.
// Paper: Zhang, Niwa, Kleijn, "On Suppressing Range of Adaptive Stepsizes of Adam to Improve Generalisation Performance",
//        TMLR 2023, arXiv 2203.13273.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g;   a = g, b = m
//   k times: q = <a, b> over the tensor;  a = a*q/(||a||^2 + xi),  b = b*q/(||b||^2 + xi)        both from the old a, b
//   v = beta2*v + (1-beta2)*(b - a)^2 + eps
//   w <- w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
// a and b stay multiples of g and m, so only two factors are computed.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {
namespace {

struct Aida {
  struct Options : MomentOptions {
    int64 k = 2;
    double xi = 1e-20;
    bool decoupled = false;
    Options() { eps = 1e-10; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("k", k, "mutual projections", at_least(0));
      f("xi", xi, "added to squared norms", positive());
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& info) {
    const double lr = o.lr * info.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema first(o.beta1), second(o.beta2);
    const auto [gg, gm, mm] = for_each_with_sums<3>(
        std::as_const(p.data), p.grad, s("m"), [=](real w, real g, real& m, double& a, double& b, double& c) {
          g += decay.l2 * w;
          m = first(m, g);
          const double x = static_cast<double>(g), y = static_cast<double>(m);
          a = x * x, b = x * y, c = y * y;
        });
    double a = 1, b = 1;  // the projected vectors are a*g and b*m
    for (int64 i = 0; i < o.k; ++i) {
      const double q = a * b * gm, next_a = a * q / (a * a * gg + o.xi), next_b = b * q / (b * b * mm + o.xi);
      a = next_a, b = next_b;
    }
    const real of_g = real(a), of_m = real(b), eps = real(o.eps);
    const real step = real(lr / bias_correction(o.beta1, info.t)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, info.t)));
    for_each_element(p.data, p.grad, std::as_const(s("m")), s("v"), [=](real& w, real g, real m, real& v) {
      g += decay.l2 * w;
      v = second(v, square(of_m * m - of_g * g)) + eps;
      w = decay.keep * w - step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry aida() {
  return rule_entry<Aida>({"aida", "AdaBelief with gradient and momentum projected onto each other",
                           "Zhang, Niwa, Kleijn, TMLR 2023, arXiv 2203.13273", 3});
}

}  // namespace gradus::rules
