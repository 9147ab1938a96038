// Schedule-Free around any rule: it steps on z, gradients are taken between z and the average x.
// Paper: Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", NeurIPS 2024, arXiv 2405.15682.
//   y: the weights of the model;   z = x = y at first;   lr: the scheduled rate of the rule inside
//   z <- z - lr*weight_decay_at_y*y;   then the rule inside steps on z with the gradient at y (its decay acts on z)
//   top = max(top, lr);   k = t^r*top^weight_lr_power;   sum = sum + k;   c = k/sum (0 if sum = 0)      per parameter
//   x <- (1-c)*x + c*z;   y <- momentum*x + (1-momentum)*z                                            evaluated: x
// The momentum of the rule inside is usually 0. x is kept here; worked out of y and z it would be the same. Rules that look
// at the batch again at other weights would do so around z, and are refused.
#include <algorithm>
#include <cmath>

#include "optim/rules/matrix_zoo.h"
#include "optim/wrappers/direction.h"
#include "optim/wrappers/evaluated.h"

namespace gradus::rules {
namespace {

struct ScheduleFreeOptions {
  double momentum = 0.9, weight_decay_at_y = 0, r = 0, weight_lr_power = 2;
  void visit(auto&& f) {
    f("momentum", momentum, "where gradients are taken: 1 at the average, 0 at the fast weights",
      between(0, 1));
    f("weight_decay_at_y", weight_decay_at_y, "decay at the point of the gradient", at_least(0));
    f("r", r, "power of the step in the weights of the average", at_least(0));
    f("weight_lr_power", weight_lr_power, "power of the largest lr in the weights of the average",
      at_least(0));
  }
};
class ScheduleFree final : public EvaluatedWeights<ScheduleFreeOptions> {
 public:
  ScheduleFree(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : EvaluatedWeights(spec, parameters, groups) {
    check_gradients_suffice(inner(), name());
  }

  /// The decay of the rule inside acts on z.
  double kept_by_decay(const Parameter&, double) const override { return 1; }

  void apply(Objective& objective, const StepInfo& info) override {
    if (!info.finish) ++table().steps;
    std::vector<ParamRow*> moving;
    for (ParamRow& row : table().rows()) {
      // In the step of pending batches no parameter has a gradient.
      const bool moves = info.finish ? !row.parameter->frozen && row.state.has("z") : row.active();
      if (!moves) continue;
      moving.push_back(&row);
      Tensor& y = row.parameter->value;
      row.state.starting_at("x", y);
      Tensor& z = row.state.starting_at("z", y);
      const double pull = lr(row, info) * options(row.group).weight_decay_at_y;
      for_each_element(y, z, [c = real(info.finish ? 0 : pull)](real& at, real& fast) {
        fast -= c * at;
        at = fast;
      });
    }
    inner().apply(objective, info);
    for (ParamRow* row : moving) average(*row, info);
  }

 private:
  double lr(const ParamRow& row, const StepInfo& info) const {
    return inner().option(*row.parameter, "lr").value_or(1) * info.lr_scale;
  }
  // The model holds z.
  void average(ParamRow& row, const StepInfo& info) {
    const ScheduleFreeOptions& o = options(row.group);
    double &top = row.state.scalar("top"), &sum = row.state.scalar("sum");
    top = std::max(top, lr(row, info));
    const double k = std::pow(static_cast<double>(++row.steps), o.r) * std::pow(top, o.weight_lr_power);
    sum += k;
    const real c = real(sum > 0 ? k / sum : 0), of_x = real(o.momentum), of_z = real(1 - o.momentum);
    for_each_element(row.parameter->value, row.state("z"), row.state("x"), [=](real& w, real& z, real& x) {
      z = w;
      x += c * (z - x);
      w = of_x * x + of_z * z;
    });
  }
  bool evaluated(ParamRow& row, Tensor& weights) override {
    const Tensor* x = row.state.find("x");
    if (x) weights.copy_from(*x);
    return x != nullptr;
  }
};

}  // namespace

OptimizerEntry schedule_free() {
  return wrapper_entry<ScheduleFree>({"schedule-free", "any rule with averaged weights that need no schedule",
                                      "Defazio et al., NeurIPS 2024, arXiv 2405.15682", 5});
}

}  // namespace gradus::rules
