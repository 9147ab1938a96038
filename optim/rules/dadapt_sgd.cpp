// D-Adapted SGD: dual averaging around the start with a step size found on the way.
// Paper: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733. Details as
//        facebookresearch/dadaptation dadapt_sgd.py.
//   G0 = ||g|| at the first step (all parameters but frozen groups);   dlr = d*lr/G0;   g <- g + weight_decay*w
//   num = num + dlr * sum <g, s>;   s = s + dlr*g;   dhat = 2*num/||s||;   d = max(d, min(dhat, d*growth_rate))
//   w <- momentum*w + (1-momentum)*(w0 - s)
// The factor 2 is the code's: its estimate is twice the theory's. Nothing moves until a gradient is not zero.
#include <cmath>

#include "optim/rules/dadapt.h"
#include "optim/rules/families.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct DadaptSgd {
  struct Options {
    double lr = 1, momentum = 0, weight_decay = 0, d0 = 1e-6;
    std::optional<double> growth_rate;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found; 1, and 0 in a group that is frozen", at_least(0));
      f("momentum", momentum, "share of the weights that is kept", decay_rate());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("d0", d0, "first estimate of the distance", positive());
      f("growth_rate", growth_rate, "largest factor on d in a step; none: no limit", at_least(1));
    }
  };

  static void step(Pass<Options>& pass) {
    check_common_lr(pass, "dadapt-sgd");
    State& shared = pass.shared;
    double &d = shared.scalar("d", pass.options.d0), &num = shared.scalar("num"), &g0 = shared.scalar("G0");
    if (g0 == 0)
      g0 = std::sqrt(
          total(pass, [](const auto& item) { return item.o.lr == 0 ? 0 : sum_of_squares(item.p.grad); }));
    if (g0 == 0) return;
    const double lr = pass.options.lr * pass.info.lr_scale, dlr = d * lr / g0;
    double product = 0, square = 0;
    for (auto& item : pass.items) {
      item.s.starting_at("w0", item.p.data);
      if (item.o.lr == 0) continue;
      const Tensor g = decayed_gradient(item.p, item.o.weight_decay);
      Tensor& s = item.s("s");
      product += dot(g, s);
      for_each_element(s, g, [c = real(dlr)](real& sum, real x) { sum += c * x; });
      square += sum_of_squares(s);
    }
    num += dlr * product;
    if (square == 0) return;
    if (lr > 0) grow(d, 2 * num / std::sqrt(square), pass.options.growth_rate);
    for (auto& item : pass.items) {
      if (item.o.lr == 0) continue;
      const real mu = real(item.o.momentum);
      const Tensor &start = item.s("w0"), &s = item.s("s");
      for_each_element(item.p.data, start, s,
                       [=](real& w, real from, real sum) { w = mu * w + (1 - mu) * (from - sum); });
    }
  }
};

}  // namespace

OptimizerEntry dadapt_sgd() {
  return rule_entry<DadaptSgd>({"dadapt-sgd", "dual averaging with a step size found on the way",
                                "Defazio, Mishchenko, ICML 2023, arXiv 2301.07733", 4});
}

}  // namespace gradus::rules
