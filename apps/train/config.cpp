#include "apps/train/config.h"

#include <algorithm>

#include "apps/cli/flags.h"

namespace gradus {

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
  std::string optim = config.optim;
  if (config.clip_norm) optim = fmt::format("clip-norm({}):max_norm={}", optim, *config.clip_norm);
  if (config.clip_value) optim = fmt::format("clip-value({}):max_value={}", optim, *config.clip_value);
  if (config.ema) optim = fmt::format("ema({}):decay={}", optim, *config.ema);
  return optim;
}

void check_resumable(const OptionList& given) {
  static const std::vector<std::string> changeable = {"epochs",     "steps",      "threads",
                                                      "save_every", "eval_every", "early_stop",
                                                      "save",       "data_dir",   "tensorboard"};
  for (const auto& entry : given)
    if (std::find(changeable.begin(), changeable.end(), entry.first) == changeable.end())
      fail<UsageError>(
          "{} cannot be changed on --resume: it would be another run (start one with --config "
          "DIR/config.json)",
          flag_name(entry.first));
}

}  // namespace gradus
