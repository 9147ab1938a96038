#include "apps/book/sensitivity.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "apps/train/fit.h"
#include "apps/train/task.h"
#include "core/error.h"
#include "core/rng.h"
#include "data/registry.h"
#include "nn/registry.h"

namespace gradus {
namespace {

constexpr const char* kCurvesFormat = "gradus-sensitivity-1";

double last_losses(const std::string& spec, const Data& data) {
  double sum = 0;
  for (int seed = 0; seed < kCurveSeeds; ++seed) {
    const auto model =
        make_model("mlp:hidden=32", data_shape(data.info()), Rng(static_cast<std::uint64_t>(seed)));
    TrainConfig config;
    config.optim = spec;
    config.schedule = "constant";
    config.steps = kCurveSteps;
    config.eval_every = kCurveSteps;
    config.validation = 0;
    config.seed = seed;
    config.threads = 1;
    try {
      fit(*model, data, config, {.on_step = [&](int64 step, double loss) {
        if (step > kCurveSteps - kCurveLast) sum += loss;
        return std::isfinite(loss);
      }});
    } catch (const NumericError&) {
      return INFINITY;
    }
    if (!std::isfinite(sum)) return INFINITY;
  }
  return sum / (kCurveLast * kCurveSeeds);
}

}  // namespace

RateCurve rate_curve(const std::string& optimizer) {
  static const Data data = open_data("digits");
  RateCurve curve;
  const Spec spec = with_something_inside(parse_spec(optimizer));
  try {
    Spec probe = spec;
    if (!set_rate(probe, path_rates()[0])) {
      curve.loss.push_back(last_losses(spec.str(), data));
      return curve;
    }
    for (const double lr : path_rates()) {
      Spec trial = spec;
      set_rate(trial, lr);
      curve.loss.push_back(last_losses(trial.str(), data));
    }
  } catch (const Error& error) {
    curve = {.loss = {}, .why = error.what()};
  }
  return curve;
}

std::string rate_curves_text(const RateCurves& curves) {
  std::string out = fmt::format(
      "{{\"format\":\"{}\",\"steps\":{},\"seeds\":{},\"rates\":{},\"optimizers\":{{", kCurvesFormat,
      kCurveSteps, kCurveSeeds, rounded_list({path_rates().begin(), path_rates().end()}, 3));
  bool first = true;
  for (const auto& [name, curve] : curves) {
    out += fmt::format("{}\n{}:{}", first ? "" : ",", nlohmann::json(name).dump(),
                       curve.why.empty() ? rounded_list(curve.loss, 4)
                                         : "{\"why\":" + nlohmann::json(curve.why).dump() + "}");
    first = false;
  }
  return out + "}}\n";
}

RateCurves rate_curves_from_text(const std::string& text, const std::string& source) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", "") != kCurvesFormat)
    fail<DataError>("{}: expected recorded curves of format {}", source, kCurvesFormat);
  RateCurves curves;
  try {
    for (const auto& [name, entry] : json.at("optimizers").items()) {
      RateCurve& curve = curves[name];
      if (entry.is_object()) {
        curve.why = entry.at("why").get<std::string>();
      } else {
        for (const auto& v : entry) curve.loss.push_back(v.is_null() ? INFINITY : v.get<double>());
        if (curve.loss.size() != 1 && curve.loss.size() != path_rates().size())
          fail<DataError>("{}: {} has {} losses for {} step sizes", source, name, curve.loss.size(),
                          path_rates().size());
      }
    }
  } catch (const nlohmann::json::exception& error) {
    fail<DataError>("{}: {}", source, error.what());
  }
  return curves;
}

}  // namespace gradus
