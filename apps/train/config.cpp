#include "apps/train/config.h"

#include <algorithm>

#include "apps/cli/flags.h"

namespace gradus {
namespace {

// companion(RULE|companion) in place of the innermost rule of `optim`.
std::string with_companion(const std::string& optim, const std::string& companion) {
  Spec spec = parse_spec(optim);
  if (spec.name == "companion") fail<UsageError>("--companion {}: '{}' names one already", companion, optim);
  if (spec.inner.empty()) return fmt::format("companion({}|{})", optim, companion);
  spec.inner = with_companion(spec.inner, companion);
  return spec.str();
}

}  // namespace

void check(const TrainConfig& config) {
  if (config.epochs && config.steps) fail<UsageError>("--epochs and --steps exclude each other");
}

nlohmann::ordered_json config_json(const TrainConfig& config) { return options_json(config); }

void apply_config_json(TrainConfig& config, const nlohmann::json& json, const std::string& file) {
  try {
    assign(config, given_in_json(json, file));
  } catch (const UsageError& e) {
    const std::string what = e.what();
    throw UsageError(what.starts_with(file) ? what : file + ": " + what);
  }
}

std::string effective_optim(const TrainConfig& config) {
  std::string optim =
      config.companion.empty() ? config.optim : with_companion(config.optim, config.companion);
  if (config.clip_norm) optim = fmt::format("clip-norm({}):max_norm={}", optim, *config.clip_norm);
  if (config.clip_value) optim = fmt::format("clip-value({}):max_value={}", optim, *config.clip_value);
  if (config.ema) optim = fmt::format("ema({}):decay={}", optim, *config.ema);
  return optim;
}

void check_resumable(const OptionList& given) {
  check_resumable(given, {"epochs", "steps", "threads", "save_every", "eval_every", "early_stop", "save",
                          "data_dir", "tensorboard"});
}

void check_resumable(const OptionList& given, const std::vector<std::string>& changeable) {
  for (const auto& entry : given)
    if (std::find(changeable.begin(), changeable.end(), entry.first) == changeable.end())
      fail<UsageError>(
          "{} cannot be changed on --resume: it would be another run (start one with --config "
          "DIR/config.json)",
          flag_name(entry.first));
}

}  // namespace gradus
