// D-Adapted Lion.
// Paper: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733. Details as
//        facebookresearch/dadaptation dadapt_lion.py.
//   q = sqrt(beta2)
//   dlr = d*lr;   u = sign(beta1*m + (1-beta1)*g);   m = beta2*m + (1-beta2)*dlr*g
//   w <- w*(1 - dlr*weight_decay) - dlr*u
//   acc = dlr * sum <u, s>  (old s);   s = q*s + (1-q)*dlr*u
//   num = q*num + (1-q)*acc;   d = max(d, num/((1-q)*||s||_1))
// As in the code, m is a mean of dlr*g while the gradient beside it in u is not scaled.
#include <cmath>

#include "optim/rules/dadapt.h"
#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct DadaptLion {
  struct Options {
    double lr = 1, beta1 = 0.9, beta2 = 0.99, weight_decay = 0, d0 = 1e-6;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found; 1, and 0 in a group that is frozen", at_least(0));
      f("beta1", beta1, "share of the mean in the direction", decay_rate());
      f("beta2", beta2, "decay of the gradient mean", decay_rate());
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("d0", d0, "first estimate of the distance", positive());
    }
  };

  static void step(Pass<Options>& pass) {
    check_common_lr(pass, "dadapt-lion");
    const Options& o = pass.options;
    State& shared = pass.shared;
    double &d = shared.scalar("d", o.d0), &num = shared.scalar("num");
    const double lr = o.lr * pass.info.lr_scale, dlr = d * lr, q = std::sqrt(o.beta2);
    double acc = 0, sizes = 0;
    for (auto& item : pass.items) {
      if (item.o.lr == 0) continue;
      const real keep = real(1 - dlr * item.o.weight_decay), step = real(dlr), decay = real(q),
                 take = real((1 - q) * dlr);
      const real keep1 = real(o.beta1), take1 = real(1 - o.beta1);
      const real keep2 = real(o.beta2), take2 = real((1 - o.beta2) * dlr);
      Tensor &m = item.s("m"), &s = item.s("s");
      acc += dlr * sum_elements(item.p.grad, m, s, [=](real g, real mean, real sum) {
               return static_cast<double>(sign(keep1 * mean + take1 * g)) * static_cast<double>(sum);
             });
      for_each_element(item.p.data, item.p.grad, m, s, [=](real& w, real g, real& mean, real& sum) {
        const real u = sign(keep1 * mean + take1 * g);
        w = keep * w - step * u;
        mean = keep2 * mean + take2 * g;
        sum = decay * sum + take * u;
      });
      sizes += sum_of_sizes(s);
    }
    if (sizes == 0) return;
    num = q * num + (1 - q) * acc;
    if (lr > 0) grow(d, num / ((1 - q) * sizes), std::nullopt);
  }
};

}  // namespace

OptimizerEntry dadapt_lion() {
  return rule_entry<DadaptLion>({"dadapt-lion", "Lion with a step size found on the way",
                                 "Defazio, Mishchenko, ICML 2023, arXiv 2301.07733", 3});
}

}  // namespace gradus::rules
