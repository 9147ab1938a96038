#include "optim/replay/replay.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "core/error.h"
#include "core/json_file.h"
#include "optim/replay/kinds.h"

namespace gradus {
namespace replay_detail {
namespace {

const std::map<std::string, Runner>& kinds() {
  static const std::map<std::string, Runner> table = {
      {"gradients", run_recorded_gradients},
      {"least-squares", run_linear_model},
      {"logistic", run_linear_model},
      {"config", run_loss_directions},
      {"spectral-weights", run_spectral_weights},
      {"prospect", run_prospect},
      {"schedule", run_refinement},
  };
  return table;
}

ParamKind kind_of(const Json& parameter, int rank) {
  const std::string kind = parameter.value("kind", rank >= 2 ? "weight" : "bias");
  if (kind == "embedding") return ParamKind::kEmbedding;
  if (kind == "head") return ParamKind::kHead;
  return kind == "weight" ? ParamKind::kWeight : ParamKind::kBias;
}

}  // namespace

Json read_json(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) fail<DataError>("{}: cannot be opened", file.string());
  Json json = Json::parse(in, nullptr, false);
  if (json.is_discarded()) fail<DataError>("{}: not valid JSON", file.string());
  return json;
}

Parameters parameters_of(const Golden& golden) {
  Parameters parameters;
  for (const auto& [name, value] : golden.json.at("params").items()) {
    const Shape shape(value.at("shape").get<std::vector<int64>>());
    const auto data = value.at("data").get<std::vector<double>>();
    const std::vector<real> values(data.begin(), data.end());
    parameters.push_back(make_parameter(name, kind_of(value, shape.rank()), Tensor::from(shape, values)));
  }
  return parameters;
}

// What "optimizer" and "options" of a file say. Recorded trajectories call two optimizers soap and tell them apart by an
// option: form = paper, which is also meant where it is absent, is the whitening study's, form = original SOAP's own.
static Spec spec_of(const Json& json) {
  Spec spec{json.at("optimizer").get<std::string>(), "",
            options_from_json(json.value("options", Json::object()))};
  if (spec.name != "soap") return spec;
  std::string form = "paper";
  std::erase_if(spec.options, [&](const auto& option) {
    if (option.first == "form") form = option.second;
    return option.first == "form";
  });
  if (form != "paper" && form != "original")
    fail<UsageError>("optimizer soap: form of a trajectory: paper | original, not '{}'", form);
  if (form == "paper") spec.name = "whitening-soap";
  return spec;
}

OptimizerPtr optimizer_of(const Golden& golden, const Parameters& parameters) {
  const Json& json = golden.json;
  Spec spec = spec_of(json);
  if (json.contains("base")) spec.inner = spec_of(json.at("base")).str();
  std::vector<GroupSpec> groups;
  for (const Json& group : json.value("groups", Json::array()))
    groups.push_back({group.at("params").get<std::vector<std::string>>(),
                      {},
                      options_from_json(group.value("options", Json::object())),
                      options_from_json(group.value("base_options", Json::object()))});
  check_groups(groups, parameters);
  return make_optimizer(spec, parameters, groups);
}

std::optional<PrescribedDraws> draws_of(const Golden& golden, const Parameters& parameters, int64 step) {
  const Json& problem = golden.json.at("problem");
  if (!problem.contains("probes") && !problem.contains("draws") && !problem.contains("label_draws"))
    return std::nullopt;
  // A list holds all parameters one after the other, an object each by name.
  const auto read = [&](const Json& vectors) {
    std::vector<Tensor> parts;
    size_t offset = 0;
    for (const auto& p : parameters) {
      const auto n = static_cast<size_t>(p->value.numel());
      if (vectors.is_object() && !vectors.contains(p->name)) {
        parts.emplace_back();
        continue;
      }
      const auto data = (vectors.is_object() ? vectors.at(p->name) : vectors).get<std::vector<double>>();
      const size_t from = vectors.is_object() ? 0 : offset;
      if (data.size() < from + n) fail<DataError>("probes: too few numbers for '{}'", p->name);
      std::vector<real> values;
      for (size_t i = from; i < from + n; ++i) values.push_back(static_cast<real>(data[i]));
      parts.push_back(Tensor::from(p->value.shape(), values));
      offset += n;
    }
    return parts;
  };
  PrescribedDraws draws;
  if (problem.contains("probes")) draws.probe = read(problem.at("probes").at(static_cast<size_t>(step - 1)));
  if (problem.contains("draws")) problem.at("draws").get_to(draws.named);
  if (problem.contains("label_draws"))
    problem.at("label_draws").at(static_cast<size_t>(step - 1)).get_to(draws.labels);
  for (const Json& vectors : problem.value("warmup_probes", Json::array()))
    draws.warmup.push_back(read(vectors));
  for (const Json& due : problem.value("balance_steps", Json::array()))
    draws.balance |= due.get<int64>() == step;
  return draws;
}

double relative_error(const Tensor& a, const std::vector<double>& b) {
  return relative_error(std::vector<double>(a.data(), a.data() + a.numel()), b);
}

void run_trajectory(const Golden& golden, const Parameters& parameters, int64 steps,
                    const ObjectiveAt& objective, ReplayReport& report) {
  const auto lr_scale = golden.json.value("lr_scale", std::vector<double>{});
  const OptimizerPtr optimizer = optimizer_of(golden, parameters);
  int64 done = 0;
  for (const Json& expected : golden.json.at("expect")) {
    const int64 until = expected.at("step").get<int64>();
    if (until > steps || until < done) fail<DataError>("expected values at step {}, out of order", until);
    for (; done < until; ++done) {
      const auto i = static_cast<size_t>(done);
      optimizer->step(objective(done + 1), i < lr_scale.size() ? lr_scale[i] : 1);
    }
    ReplayStep step{until, 0, ""};
    for (const auto& p : parameters) {
      if (!expected.at("params").contains(p->name)) continue;
      const double error = relative_error(p->value, expected["params"][p->name].get<std::vector<double>>());
      if (!(error <= step.error)) step.error = error, step.worst = p->name;
    }
    const Json numbers = expected.value("scalars", Json::object());
    for (const auto& [name, value] : numbers.items()) {
      const auto found = optimizer->scalar(name);
      if (!found) continue;  // the method names it otherwise
      const double error =
          relative_error(std::vector<double>{*found}, std::vector<double>{value.get<double>()});
      if (!(error <= step.error)) step.error = error, step.worst = name + " (number)";
    }
    if (expected.contains("averaged")) {
      optimizer->use_evaluation_weights(true);
      for (const auto& p : parameters) {
        if (!expected["averaged"].contains(p->name)) continue;
        const double error =
            relative_error(p->value, expected["averaged"][p->name].get<std::vector<double>>());
        if (!(error <= step.error)) step.error = error, step.worst = p->name + " (averaged)";
      }
      optimizer->use_evaluation_weights(false);
    }
    report.steps.push_back(step);
  }
}

}  // namespace replay_detail

double relative_error(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) fail<DataError>("expected values: {} numbers for {}", b.size(), a.size());
  double difference = 0, largest = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    difference = d > difference || std::isnan(d) ? d : difference;
    largest = std::max(largest, std::abs(b[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

double recorded_tolerance(double tolerance) {
  return sizeof(real) == sizeof(float) ? std::max(tolerance, 2e-4) : tolerance;
}

double ReplayReport::error() const {
  double largest = 0;
  for (const ReplayStep& step : steps)
    if (!(step.error <= largest)) largest = step.error;
  return largest;
}

ReplayReport replay(const std::filesystem::path& file) {
  using namespace replay_detail;
  const Golden golden{read_json(file), file.parent_path()};
  try {
    if (golden.json.at("format") != "gradus-replay-1")
      fail<DataError>("format is {}, not gradus-replay-1", golden.json.at("format").dump());
    ReplayReport report{.file = file.filename().string(),
                        .optimizer = golden.json.value("optimizer", ""),
                        .source = golden.json.value("source", ""),
                        .steps = {},
                        .tolerance = golden.json.at("tolerance").get<double>()};
    report.tolerance = recorded_tolerance(report.tolerance);
    const std::string kind = golden.json.at("problem").at("kind").get<std::string>();
    const auto runner = kinds().find(kind);
    if (runner == kinds().end()) {
      std::vector<std::string> valid;
      for (const auto& [name, run] : kinds()) valid.push_back(name);
      throw DataError(unknown_name("problem kind", kind, valid));
    }
    runner->second(golden, report);
    return report;
  } catch (const nlohmann::json::exception& e) {
    fail<DataError>("{}: not a golden trajectory: {}", file.string(), e.what());
  } catch (const DataError& e) {
    fail<DataError>("{}: {}", file.string(), e.what());
  }
}

}  // namespace gradus
