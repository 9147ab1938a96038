// Problem kind "gradients": recorded gradients, whatever the parameters are. `steps` are inline or in a
// `file`; a step may bring a "loss" and, as "second", the gradients of an independent second batch.
#include <map>
#include <optional>

#include "core/error.h"
#include "optim/replay/kinds.h"

namespace gradus::replay_detail {
namespace {

class RecordedGradients final : public Objective {
 public:
  RecordedGradients(const Parameters& parameters, const Json& step, std::optional<PrescribedDraws> draws = {})
      : parameters_(parameters), step_(step), draws_(std::move(draws)) {
    if (step.contains("second")) second_ = std::make_unique<RecordedGradients>(parameters, step.at("second"));
  }
  const Parameters& parameters() const override { return parameters_; }
  const PrescribedDraws* prescribed_draws() const override { return draws_ ? &*draws_ : nullptr; }
  Needs offers() const override {
    return {.loss = step_.contains("loss"), .second_batch = second_ != nullptr};
  }
  double loss() override { return step_.value("loss", std::numeric_limits<double>::quiet_NaN()); }
  double gradient() override {
    for (const auto& p : parameters_) {
      const auto data = step_.at(p->name).get<std::vector<double>>();
      p->grad = Tensor::from(p->value.shape(), std::vector<real>(data.begin(), data.end()));
    }
    return loss();
  }
  Objective& second_batch() override {
    if (!second_) unsupported("a second independent batch");
    return *second_;
  }

 private:
  const Parameters& parameters_;
  const Json& step_;
  std::optional<PrescribedDraws> draws_;
  std::unique_ptr<RecordedGradients> second_;
};

}  // namespace

void run_recorded_gradients(const Golden& golden, ReplayReport& report) {
  const Json& problem = golden.json.at("problem");
  Json steps = problem.contains("file") ? read_json(golden.folder / problem.at("file").get<std::string>())
                                        : problem.at("steps");
  if (steps.is_object()) steps = Json(steps.at("steps"));
  const Parameters parameters = parameters_of(golden);
  std::optional<RecordedGradients> objective;
  run_trajectory(
      golden, parameters, static_cast<int64>(steps.size()),
      [&](int64 step) -> Objective& {
        return objective.emplace(parameters, steps.at(static_cast<size_t>(step - 1)),
                                 draws_of(golden, parameters, step));
      },
      report);
}

}  // namespace gradus::replay_detail
