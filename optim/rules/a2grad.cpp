// A2Grad: adaptive and accelerated stochastic gradient descent.
// Paper: Deng, Cheng, Lan, "Optimal Adaptive and Accelerated Stochastic Gradient Descent", 2018, arXiv 1810.00553.
//        No lr: schedules do nothing. Sums and norms run over all tensors; x and y start at the first w.
//   k = t-1;   S = S + g;   q = ||g - S/(k+1)||^2
//   uni: v = v + q, h = sqrt(v);   inc: v = (k/(k+1))^2*v + q;   exp: e = rho*e + (1-rho)*q, v = max(v, e)
//   inc, exp: h = sqrt((k+1)*v)
//   x = x - g/(2*lips/(k+1) + beta*h);   y = (1-a)*y + a*x,  a = 2/(k+2)
//   w <- (1-a')*y + a'*x,  a' = 2/(k+3)                                          weights to evaluate: y
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct A2Grad {
  struct Options {
    double beta = 10, lips = 10, rho = 0.9;
    std::string variant = "uni";
    void visit(auto&& f) {
      f("beta", beta, "weight of the gradients' deviation in the step size", at_least(0));
      f("lips", lips, "Lipschitz constant of the gradient", positive());
      f("variant", variant,
        "how deviations are summed: uniformly, with more weight to late ones, exponentially",
        choices({"uni", "inc", "exp"}));
      f("rho", rho, "variant exp: decay", decay_rate());
    }
  };
  static const char* evaluation_slot(const Options&) { return "y"; }
  static double prepare(Pass<Options>& pass) {
    const Options& o = pass.options;
    double& steps = pass.shared.scalar("k");
    const double k = steps++;
    double q = 0;
    for (auto& [p, s, own, group, t] : pass.items) {
      for_each_element(s("S"), p.grad, [](real& sum, real g) { sum += g; });
      q += sum_elements(std::as_const(s("S")), p.grad, [c = 1 / (k + 1)](real sum, real g) {
        const double d = static_cast<double>(g) - c * static_cast<double>(sum);
        return d * d;
      });
    }
    double& v = pass.shared.scalar("v");
    if (o.variant == "uni") {
      v += q;
    } else if (o.variant == "inc") {
      v = k * k / ((k + 1) * (k + 1)) * v + q;
    } else {
      double& e = pass.shared.scalar("e");
      e = o.rho * e + (1 - o.rho) * q;
      v = std::max(v, e);
    }
    const double h = std::sqrt(o.variant == "uni" ? v : (k + 1) * v);
    return 1 / (2 * o.lips / (k + 1) + o.beta * h);
  }
  static void update(Param& p, State& s, const Options&, const StepInfo& info, double step) {
    const double k = static_cast<double>(info.step - 1), a = 2 / (k + 2), next = 2 / (k + 3);
    Tensor &x = s.starting_at("x", p.data), &y = s.starting_at("y", p.data);
    for_each_element(p.data, p.grad, x, y,
                     [c = real(step), a = real(a), b = real(next)](real& w, real g, real& fast, real& mean) {
                       fast -= c * g;
                       mean = (1 - a) * mean + a * fast;
                       w = (1 - b) * mean + b * fast;
                     });
  }
};

}  // namespace

OptimizerEntry a2grad() {
  return rule_entry<A2Grad>({"a2grad",
                             "accelerated gradient descent whose step follows the gradients' deviation",
                             "Deng, Cheng, Lan, 2018, arXiv 1810.00553", 3});
}

}  // namespace gradus::rules
