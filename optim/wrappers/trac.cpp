// TRAC: a factor on the way from the first weights, tuned without parameters.
// Paper: Muppidi, Zhang, Yang, "Fast TRAC: A Parameter-Free Optimizer for Lifelong Reinforcement Learning", NeurIPS 2024,
//        arXiv 2405.16642.
//   x0: the first weights;   s = 0, v_i = 0, q_i = 1e-8
//   u: the move of the rule inside from w;   D = (w - x0)/(s + eps);   h = <D, g> over all tensors
//   v_i = betas_i^2*v_i + h^2;   q_i = betas_i*q_i - h
//   s = sum over i of s_prev*erfi(q_i/(sqrt(2*v_i) + eps))/erfi(1/sqrt(2));   w <- x0 + max(s, 0)*(D + u)
// s is one number for all tensors.
#include <cmath>
#include <numbers>

#include "core/erfi.h"
#include "core/error.h"
#include "optim/rules/matrix_zoo.h"
#include "optim/wrappers/learned_scale.h"

namespace gradus::rules {
namespace {

struct TracOptions {
  std::vector<double> betas = {0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999};
  double s_prev = 1e-8, eps = 1e-8;
  void visit(auto&& f) {
    f("betas", betas, "decays of the sums along the way", decay_rate());
    f("s_prev", s_prev, "unit of the factor", positive());
    f("eps", eps, "added to factor and roots", positive());
  }
};
class Trac final : public LearnedScale<TracOptions> {
 public:
  Trac(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : LearnedScale(spec, parameters, groups) {
    if (options().betas.empty()) fail<UsageError>("optimizer trac: betas needs at least one number");
  }

 private:
  double first_scale() const override { return 0; }
  double next_scale(double before) override {
    const TracOptions& o = options();
    double h = 0;
    for (ParamRow& row : table().rows()) {
      if (!row.active()) continue;
      const Parameter& p = *row.parameter;
      h += sum_elements(
          p.value, p.grad, row.state("x0"), row.state("lost"), [](real w, real g, real x0, real lost) {
            const double way = static_cast<double>(w) - static_cast<double>(x0) + static_cast<double>(lost);
            return way * static_cast<double>(g);
          });
    }
    h /= before + o.eps;
    State& state = table().shared();
    std::vector<double> v, q;  // kept only once s is known to be a number
    double s = 0;
    for (size_t i = 0; i < o.betas.size(); ++i) {
      const double b = o.betas[i];
      v.push_back(b * b * state.scalar(fmt::format("v{}", i)) + h * h);
      q.push_back(b * state.scalar(fmt::format("q{}", i), 1e-8) - h);
      s += o.s_prev * erfi(q[i] / (std::sqrt(2 * v[i]) + o.eps)) / erfi(1 / std::numbers::sqrt2);
    }
    if (!std::isfinite(s)) fail<NumericError>("optimizer trac: the factor has grown beyond all numbers");
    for (size_t i = 0; i < o.betas.size(); ++i) {
      state.scalar(fmt::format("v{}", i)) = v[i];
      state.scalar(fmt::format("q{}", i)) = q[i];
    }
    return s;
  }
};

}  // namespace

OptimizerEntry trac() {
  return wrapper_entry<Trac>({"trac", "tunes a factor on the way from the first weights",
                              "Muppidi, Zhang, Yang, NeurIPS 2024, arXiv 2405.16642", 10});
}

}  // namespace gradus::rules
