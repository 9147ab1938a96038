// Problem kinds of methods that are no optimizers of mini-batches: "config" (directions from the gradients of several
// losses), "spectral-weights" and "prospect" (spectral risks), "schedule" (refinement by gradient norms).
#include <cmath>

#include "core/error.h"
#include "core/json_file.h"
#include "optim/methods/multi_loss.h"
#include "optim/methods/prospect.h"
#include "optim/methods/refinement.h"
#include "optim/replay/kinds.h"

namespace gradus::replay_detail {
namespace {

using Numbers = std::vector<double>;

template <class Options>
Options options_for(const Golden& golden) {
  Options options;
  set_options(options, options_from_json(golden.json.value("options", Json::object())),
              golden.json.at("optimizer").get<std::string>());
  return options;
}

Tensor vector_of(const Json& numbers) {
  const auto values = numbers.get<Numbers>();
  return Tensor::from({static_cast<int64>(values.size())}, std::vector<real>(values.begin(), values.end()));
}

// The direction for the case or step with this index (from 0).
using Directions = std::function<Tensor(size_t)>;

Directions directions_of(const Golden& golden) {
  const auto name = golden.json.at("optimizer").get<std::string>();
  const Json& problem = golden.json.at("problem");
  const auto gradients = [&problem](size_t i) {
    std::vector<Tensor> rows;
    for (const Json& row : problem.at("cases").at(i).at("gradients")) rows.push_back(vector_of(row));
    return rows;
  };
  if (name == "config")
    return
        [=, o = options_for<ConfigOptions>(golden)](size_t i) { return config_direction(gradients(i), o); };
  if (name == "pcgrad") return [=](size_t i) { return pcgrad_direction(gradients(i)); };
  if (name == "imtl-g") return [=](size_t i) { return imtlg_direction(gradients(i)); };
  if (name == "m-config") {
    auto method = std::make_shared<MomentumConfig>(options_for<MomentumConfigOptions>(golden));
    return [method, &problem](size_t i) {
      const Json& step = problem.at("steps").at(i);
      return method->combine(step.at("index").get<int64>(), vector_of(step.at("gradient")));
    };
  }
  throw DataError(unknown_name("combination of losses", name, {"config", "pcgrad", "imtl-g", "m-config"}));
}

void add_step(ReplayReport& report, const Json& expected, double error, const std::string& what) {
  report.steps.push_back({expected.at("step").get<int64>(), error, what});
}

double largest_of(double a, double b) { return a >= b || std::isnan(a) ? a : b; }

}  // namespace

void run_loss_directions(const Golden& golden, ReplayReport& report) {
  const Directions direction = directions_of(golden);
  size_t done = 0;
  for (const Json& expected : golden.json.at("expect")) {
    Tensor combined;
    for (const auto until = expected.at("step").get<size_t>(); done < until; ++done)
      combined = direction(done);
    if (!combined.defined()) fail<DataError>("expected values at step {}, out of order", done);
    add_step(report, expected, relative_error(combined, expected.at("combined").get<Numbers>()), "combined");
  }
}

void run_spectral_weights(const Golden& golden, ReplayReport& report) {
  const Json& cases = golden.json.at("problem").at("cases");
  for (const Json& expected : golden.json.at("expect")) {
    const Json& given = cases.at(expected.at("step").get<size_t>() - 1);
    SpectrumOptions risk;
    for (const auto& [key, value] : given.items())
      if (key == "spectrum" || key == "q" || key == "r" || key == "rho")
        set_options(risk, options_from_json(Json{{key, value}}), "spectrum");
    const auto losses = given.at("losses").get<Numbers>();
    const Numbers q = spectral_weights(losses, spectrum(risk, static_cast<int64>(losses.size())),
                                       given.at("nu").get<double>(), given.value("penalty", "l2"));
    add_step(report, expected, relative_error(q, expected.at("weights").get<Numbers>()), "weights");
  }
}

void run_prospect(const Golden& golden, ReplayReport& report) {
  const Json& problem = golden.json.at("problem");
  const auto x = problem.at("X").get<std::vector<Numbers>>();
  const auto y = problem.at("y").get<Numbers>();
  const auto kind = problem.at("loss").get<std::string>();
  if (kind != "squared_error" && kind != "binary_cross_entropy")
    throw DataError(unknown_name("loss", kind, {"squared_error", "binary_cross_entropy"}));
  const ExampleLoss loss = [&](int64 example, const Numbers& w, Numbers& gradient) {
    const auto i = static_cast<size_t>(example);
    double z = 0;
    for (size_t j = 0; j < w.size(); ++j) z += x[i].at(j) * w[j];
    const bool squared = kind == "squared_error";
    const double slope = squared ? z - y[i] : 1 / (1 + std::exp(-z)) - y[i];
    for (size_t j = 0; j < w.size(); ++j) gradient[j] = slope * x[i][j];
    return squared ? 0.5 * slope * slope : std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - y[i] * z;
  };
  Prospect method(options_for<ProspectOptions>(golden), static_cast<int64>(x.size()),
                  golden.json.at("params").at("w").at("data").get<Numbers>(), loss);
  const auto indices = problem.at("indices").get<std::vector<int64>>();
  size_t done = 0;
  for (const Json& expected : golden.json.at("expect")) {
    for (const auto until = expected.at("step").get<size_t>(); done < until; ++done)
      method.step(indices.at(done));
    const double weights = relative_error(method.weights(), expected.at("params").at("w").get<Numbers>());
    const double risk = relative_error(method.risk_weights(), expected.at("weights").get<Numbers>());
    add_step(report, expected, largest_of(weights, risk), weights > risk ? "w" : "q");
  }
}

void run_refinement(const Golden& golden, ReplayReport& report) {
  const auto norms = golden.json.at("problem").at("grad_norms").get<Numbers>();
  const Numbers schedule = refined_schedule(norms, options_for<RefinementOptions>(golden));
  for (const Json& expected : golden.json.at("expect"))
    add_step(report, expected, relative_error(schedule, expected.at("schedule").get<Numbers>()), "schedule");
}

}  // namespace gradus::replay_detail
