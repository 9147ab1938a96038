// LAWN: after a free phase, every weight matrix stays on the sphere where it is.
// Paper: Gupta, Ramanath, Shi, Ramachandran, Zhou, Zhou, Keerthi, "Logit Attenuating Weight Normalization", 2021,
//        arXiv 2108.05839.
//   t <= free_steps: the rule inside as it is
//   then, for every tensor of rank >= 2 that is no norm parameter, with c = ||w|| at the switch:
//     P(x) = x - <x,w>/<w,w> * w
//     g <- P(g);  d = step of the rule inside;  w <- w - P(d);  w <- c*w/||w||
//   lr times min(1, (t - free_steps)/warmup_steps) after the switch
// reset_moments: the rule inside forgets its state at the switch. A tensor with ||w|| = 0 is left unconstrained.
// The order of projection and retraction inside Adam is a reconstruction: no code was published.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/transform.h"
#include "optim/wrapper.h"

namespace gradus::rules {
namespace {

struct LawnOptions {
  int64 free_steps = 0, warmup_steps = 0;
  bool reset_moments = true;
  void visit(auto&& f) {
    f("free_steps", free_steps, "steps before the norms are fixed", at_least(0));
    f("warmup_steps", warmup_steps, "steps of lr warm-up after the switch", at_least(0));
    f("reset_moments", reset_moments, "the rule inside starts afresh at the switch");
  }
};

class Lawn final : public Wrapper<LawnOptions> {
 public:
  Lawn(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : Wrapper(spec, parameters, groups) {
    if (inner().needs().beyond({.loss = true}))
      fail<UsageError>(
          "optimizer lawn cannot wrap {0}: lawn projects the gradient of the batch, and {0} evaluates more "
          "of its "
          "own (put it around lawn instead, if it is a wrapper)",
          inner().name());
  }

  void apply(Objective& objective, const StepInfo& info) override {
    const int64 t = info.finish ? table().steps : ++table().steps, bound = t - options().free_steps;
    if (bound <= 0) {
      inner().apply(objective, info);
      return;
    }
    if (bound == 1 && t > 1 && options().reset_moments && !info.finish) inner().load_state({});
    std::vector<std::pair<ParamRow*, Tensor>> before;
    for (ParamRow& row : table().rows()) {
      const bool moves = info.finish ? !row.parameter->frozen : row.active();
      if (!moves || row.parameter->value.rank() < 2 || row.parameter->kind == ParamKind::kNorm) continue;
      Tensor weights = row.parameter->value.clone();
      if (row.state.scalar("radius", norm(weights)) == 0) continue;
      if (row.active()) {
        Tensor g = own_gradient(*row.parameter);
        project(g, weights);
      }
      before.emplace_back(&row, std::move(weights));
    }
    StepInfo inside = info;
    if (options().warmup_steps > 0)
      inside.lr_scale *=
          std::min(1.0, static_cast<double>(bound) / static_cast<double>(options().warmup_steps));
    inner().apply(objective, inside);
    for (auto& [row, weights] : before) retract(*row, weights);
  }

 private:
  // x <- P(x) on the sphere through w.
  static void project(Tensor& x, const Tensor& w) {
    const double square = sum_of_squares(w);
    if (square == 0) return;
    const real part = static_cast<real>(dot(x, w) / square);
    for_each_element(x, w, [=](real& a, real b) { a -= part * b; });
  }
  // The step from `weights` made tangential, then back to the radius.
  static void retract(ParamRow& row, const Tensor& weights) {
    Tensor value = row.parameter->value.detach();
    for_each_element(value, weights, [](real& w, real from) { w -= from; });
    project(value, weights);
    for_each_element(value, weights, [](real& w, real from) { w += from; });
    const real scale = static_cast<real>(row.state.scalar("radius") / norm(value));
    for_each_element(value, [=](real& w) { w *= scale; });
  }
};

}  // namespace

OptimizerEntry lawn() {
  return wrapper_entry<Lawn>({"lawn", "keeps the norm of every weight matrix after a free phase",
                              "Gupta et al., 2021, arXiv 2108.05839", 5});
}

}  // namespace gradus::rules
