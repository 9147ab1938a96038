// Mechanic: learns the factor on the step size of any rule.
// Paper: Cutkosky, Defazio, Mehta, "Mechanic: A Learning Rate Tuner", NeurIPS 2023, arXiv 2306.00144; form of optax, with
//        its clipping of h.
//   x0: the first weights;   r, m, v: num_betas zeros, s: num_betas times s_init;   S = sum of s
//   u: the move of the rule inside from w;   D = (x0 - w)/(S + eps)
//   c = weight_decay*S*||g||/(||w|| + eps);   h = <g + c*w, D>;   hc = min(max(h, -m), m) by entry, m of the step before
//   b_i = 1 - 0.1^i:   m = max(b*m, |h| + eps);   v = b^2*v + h^2;   r = b*r + hc*s;
//   s = (s_init/num_betas*m + max(0, r))/(sqrt(v) + eps)
//   w <- x0 - S*(D - u)                                              S the new sum
// Norms and products over all tensors; S is one number for all. The decay of the rule inside is part of u.
#include <algorithm>
#include <cmath>

#include "optim/rules/matrix_zoo.h"
#include "optim/wrappers/learned_scale.h"

namespace gradus::rules {
namespace {

struct MechanicOptions {
  double weight_decay = 0.01, eps = 1e-8, s_init = 1e-6;
  int64 num_betas = 6;
  void visit(auto&& f) {
    f("weight_decay", weight_decay, "decay, relative to the gradient's size and the factor", at_least(0));
    f("eps", eps, "added to factor, norms and roots", positive());
    f("s_init", s_init, "first value of each part of the factor", positive());
    f("num_betas", num_betas, "time scales: decays 1 - 0.1^i", at_least(1));
  }
};
class Mechanic final : public LearnedScale<MechanicOptions> {
 public:
  using LearnedScale::LearnedScale;

 private:
  double first_scale() const override { return options().s_init * static_cast<double>(options().num_betas); }
  double next_scale(double before) override {
    const MechanicOptions& o = options();
    const double h = gradient_along_the_way(before);
    State& state = table().shared();
    double sum = 0;
    for (int64 i = 1; i <= o.num_betas; ++i) {
      const double b = 1 - std::pow(0.1, static_cast<double>(i));
      double &m = state.scalar(fmt::format("m{}", i)), &v = state.scalar(fmt::format("v{}", i)),
             &r = state.scalar(fmt::format("r{}", i)), &s = state.scalar(fmt::format("s{}", i), o.s_init);
      const double clipped = std::clamp(h, -m, m);
      m = std::max(b * m, std::abs(h) + o.eps);
      v = b * b * v + h * h;
      r = b * r + clipped * s;
      s = (o.s_init / static_cast<double>(o.num_betas) * m + std::max(0.0, r)) / (std::sqrt(v) + o.eps);
      sum += s;
    }
    return sum;
  }
  // h; weight_decay may differ between groups.
  double gradient_along_the_way(double s) {
    double gg = 0, ww = 0, along = 0, decayed = 0;
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      const Parameter& p = *row.parameter;
      const auto sums = for_each_with_sums<4>(
          p.value, p.grad, std::as_const(row.state("x0")), std::as_const(row.state("lost")),
          [](real w, real g, real x0, real lost, double& g2, double& w2, double& gd, double& wd) {
            const double x = static_cast<double>(w), y = static_cast<double>(g),
                         d = static_cast<double>(x0) - x - static_cast<double>(lost);
            g2 = y * y, w2 = x * x, gd = y * d, wd = x * d;
          });
      gg += sums[0], ww += sums[1], along += sums[2];
      decayed += options(row.group).weight_decay * sums[3];
    }
    const double eps = options().eps, c = s * std::sqrt(gg) / (std::sqrt(ww) + eps);
    return (along + c * decayed) / (s + eps);
  }
};

}  // namespace

OptimizerEntry mechanic() {
  return wrapper_entry<Mechanic>({"mechanic", "learns the factor on the step size of any rule",
                                  "Cutkosky, Defazio, Mehta, NeurIPS 2023, arXiv 2306.00144", 10});
}

}  // namespace gradus::rules
