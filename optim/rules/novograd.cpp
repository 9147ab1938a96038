// NovoGrad.
// Paper: Ginsburg, Castonguay, Hrinchuk, Kuchaiev, Lavrukhin, Leary, Li, Nguyen, Zhang, Cohen, "Stochastic Gradient
//        Methods with Layer-wise Adaptive Moments for Training of Deep Networks", 2019, arXiv 1905.11286, Algorithm
//        1.
//   n = sum of g^2 over the tensor, which is a layer here
//   v = n where v was 0, else v = beta2*v + (1-beta2)*n                 (one number)     amsgrad: max of v
//   u = g/(sqrt(v) + eps) + weight_decay*w;   grad_averaging: u <- (1-beta1)*u
//   m = beta1*m + u
//   w <- w - lr*m
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct NovoGrad {
  struct Options {
    double lr = 0.01, beta1 = 0.95, beta2 = 0.98, eps = 1e-8, weight_decay = 0;
    bool grad_averaging = false, amsgrad = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the mean of squared layer norms", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "decay added to the normalised gradient", at_least(0));
      f("grad_averaging", grad_averaging, "momentum is a mean, not a sum");
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double n = sum_of_squares(p.grad);
    double& v = s.scalar("v");
    v = v == 0 ? n : o.beta2 * v + (1 - o.beta2) * n;
    double divisor = v;
    if (o.amsgrad) {
      double& top = s.scalar("vmax");
      divisor = top = std::max(top, v);
    }
    const double share = o.grad_averaging ? 1 - o.beta1 : 1;
    const real of_g = real(share / (std::sqrt(divisor) + o.eps)), of_w = real(share * o.weight_decay);
    const real b1 = real(o.beta1), lr = real(o.lr * k.lr_scale);
    for_each_element(p.data, p.grad, s("m"), [=](real& w, real g, real& m) {
      m = b1 * m + of_g * g + of_w * w;
      w -= lr * m;
    });
  }
};

}  // namespace

OptimizerEntry novograd() {
  return rule_entry<NovoGrad>({"novograd", "momentum of gradients normalised layer by layer",
                               "Ginsburg et al., 2019, arXiv 1905.11286", 1});
}

}  // namespace gradus::rules
