// AggMo: aggregated momentum.
// Paper: Lucas, Sun, Zemel, Grosse, "Aggregated Momentum: Stability Through Passive Damping", ICLR 2019,
//        arXiv 1804.00325.
//   g <- g + weight_decay*w
//   v_i = betas_i*v_i + g   for each of the betas, K of them: K = count of betas
//   w <- w - lr/K * sum_i v_i
#include <fmt/format.h>

#include <array>

#include "optim/rules/zoo.h"
#include "optim/vocabulary/parts.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AggMo {
  struct Options {
    double lr = 0.1, weight_decay = 0;
    std::vector<double> betas = {0, 0.9, 0.99};
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("betas", betas, "shares of the velocities that are kept", decay_rate());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void check(const Options& o) {
    if (o.betas.empty()) fail<UsageError>("optimizer aggmo: betas needs at least one number");
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real step = real(o.lr * k.lr_scale / static_cast<double>(o.betas.size())),
               l2 = real(o.weight_decay);
    std::vector<real*> velocities;
    for (size_t i = 0; i < o.betas.size(); ++i) velocities.push_back(s(fmt::format("v{}", i)).mutable_data());
    real* weights = p.data.mutable_data();
    const real* grad = p.grad.data();
    for_each_part(p.data.numel(), [&](Part part) {
      std::array<real, Part::kMost> sum{};
      real* w = weights + part.first;
      // Every velocity takes the gradient with the decay of the weights as they were: these move last.
      for (size_t i = 0; i < velocities.size(); ++i)
        elements(
            part.count,
            [l2, b = real(o.betas[i])](real x, real g, real& v, real& all) {
              v = b * v + (g + l2 * x);
              all += v;
            },
            static_cast<const real*>(w), grad + part.first, velocities[i] + part.first, sum.data());
      elements(
          part.count, [step](real& x, real all) { x -= step * all; }, w, std::as_const(sum).data());
    });
  }
};

}  // namespace

OptimizerEntry aggmo() {
  return rule_entry<AggMo>({"aggmo", "several velocities with different decay, averaged",
                            "Lucas, Sun, Zemel, Grosse, ICLR 2019, arXiv 1804.00325"});
}

}  // namespace gradus::rules
