// D-Adapted AdaGrad.
// Paper: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733. Details as
//        facebookresearch/dadaptation dadapt_adagrad.py.
//   dlr = d*lr;   g <- g + weight_decay*w;   a = a + g^2 (1e-6 at first);   A = sqrt(a) + eps
//   gsq = gsq + dlr^2 * sum g^2/A;   s = s + dlr*g
//   d = max(d, min((sum s^2/A - gsq)/||s||_1, d*growth_rate))
//   w <- momentum*w + (1-momentum)*(w0 - s/A)
#include <cmath>

#include "optim/rules/dadapt.h"
#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {
namespace {

struct DadaptAdagrad {
  struct Options {
    double lr = 1, momentum = 0, weight_decay = 0, eps = 1e-6, d0 = 1e-6;
    std::optional<double> growth_rate;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found; 1, and 0 in a group that is frozen", at_least(0));
      f("momentum", momentum, "share of the weights that is kept", decay_rate());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("eps", eps, "added to the root", at_least(0));
      f("d0", d0, "first estimate of the distance", positive());
      f("growth_rate", growth_rate, "largest factor on d in a step; none: no limit", at_least(1));
    }
  };

  static void step(Pass<Options>& pass) {
    check_common_lr(pass, "dadapt-adagrad");
    State& shared = pass.shared;
    double &d = shared.scalar("d", pass.options.d0), &gsq = shared.scalar("gsq");
    const double lr = pass.options.lr * pass.info.lr_scale, dlr = d * lr;
    double energy = 0, sizes = 0;  // sum s^2/A, ||s||_1
    for (auto& item : pass.items) {
      if (item.o.lr == 0) continue;
      const Tensor g = decayed_gradient(item.p, item.o.weight_decay);
      item.s.starting_at("w0", item.p.data);
      Tensor &a = filled(item.s, "a", real(1e-6)), &s = item.s("s");
      const auto [square_of_g, square_of_s, size] =
          for_each_with_sums<3>(g, a, s,
                                [c = real(dlr), eps = real(item.o.eps)](real x, real& square, real& sum,
                                                                        double& g2, double& s2, double& s1) {
                                  square += x * x;
                                  sum += c * x;
                                  const real A = std::sqrt(square) + eps;
                                  g2 = x * x / A, s2 = sum * sum / A, s1 = std::abs(sum);
                                });
      gsq += dlr * dlr * square_of_g;
      energy += square_of_s;
      sizes += size;
    }
    if (sizes == 0) return;
    if (lr > 0) grow(d, (energy - gsq) / sizes, pass.options.growth_rate);
    for (auto& item : pass.items) {
      if (item.o.lr == 0) continue;
      const real mu = real(item.o.momentum), eps = real(item.o.eps);
      const Tensor &start = item.s("w0"), &s = item.s("s"), &a = item.s("a");
      for_each_element(item.p.data, start, s, a, [=](real& w, real from, real sum, real square) {
        w = mu * w + (1 - mu) * (from - sum / (std::sqrt(square) + eps));
      });
    }
  }
};

}  // namespace

OptimizerEntry dadapt_adagrad() {
  return rule_entry<DadaptAdagrad>({"dadapt-adagrad",
                                    "AdaGrad (dual averaging) with a step size found on the way",
                                    "Defazio, Mishchenko, ICML 2023, arXiv 2301.07733", 3});
}

}  // namespace gradus::rules
