#include "apps/train/config.h"

#include <algorithm>
#include <filesystem>

#include "apps/cli/flags.h"
#include "apps/train/scores.h"
#include "data/places.h"
#include "data/registry.h"
#include "optim/schedule.h"

namespace gradus {

namespace fs = std::filesystem;

namespace {

// companion(RULE|companion) in place of the innermost rule of `optim`.
std::string with_companion(const std::string& optim, const std::string& companion) {
  Spec spec = parse_spec(optim);
  if (spec.name == "companion") fail<UsageError>("--companion {}: '{}' names one already", companion, optim);
  if (spec.inner.empty()) return fmt::format("companion({}|{})", optim, companion);
  spec.inner = with_companion(spec.inner, companion);
  return spec.str();
}

std::string absolute(const std::string& path) { return fs::absolute(path).lexically_normal().string(); }

// The text of a registry's entry whose options `paths`, where they name what is there, are absolute.
std::string with_absolute_options(const std::string& text, const std::vector<std::string>& paths) {
  Spec spec = parse_spec(text);
  bool changed = false;
  for (auto& [key, value] : spec.options) {
    std::error_code error;
    if (std::find(paths.begin(), paths.end(), key) == paths.end() || fs::path(value).is_absolute() ||
        !fs::exists(value, error))
      continue;
    value = absolute(value);
    changed = true;
  }
  return changed ? spec.str() : text;
}

// Whether a data set lies below this root: by its name, or by what an option of it names.
bool holds(const std::string& root, const Spec& data, const DatasetEntry& entry) {
  std::error_code error;
  if (fs::exists(fs::path(root) / data.name, error)) return true;
  for (const auto& [key, value] : data.options)
    if (std::find(entry.paths.begin(), entry.paths.end(), key) != entry.paths.end() &&
        fs::exists(fs::path(root) / value, error))
      return true;
  return false;
}

}  // namespace

Limits metric_choices() { return choices(metric_words()); }

void in_flag(const std::string& flag, const std::function<void()>& f) {
  try {
    f();
  } catch (const UsageError& e) {
    const std::string what = e.what();
    throw UsageError(what.starts_with("--") ? what : flag + ": " + what);
  }
}

TrainConfig with_absolute_paths(TrainConfig config) {
  const Spec data = parse_spec(config.data);
  const DatasetEntry& entry = find_dataset(data.name);
  if (config.data_dir.empty() && entry.needs_files) {
    // $GRADUS_DATA or ./datasets: a relative one is known only here.
    for (const std::string& root : data_roots({}))
      if (holds(root, data, entry)) {
        if (!fs::path(root).is_absolute()) config.data_dir = root;
        break;
      }
  }
  config.data = with_absolute_options(config.data, entry.paths);
  config.schedule =
      with_absolute_options(config.schedule, find_schedule(parse_spec(config.schedule).name).paths);
  for (std::string* path : {&config.data_dir, &config.init, &config.save})
    if (!path->empty()) *path = absolute(*path);
  return config;
}

void replace_length(TrainConfig& to, const OptionList& given) {
  for (const auto& entry : given)
    if (entry.first == "epochs" || entry.first == "steps") to.epochs.reset(), to.steps.reset();
}

nlohmann::ordered_json config_json(const TrainConfig& config) {
  nlohmann::ordered_json json = options_json(config);
  if (!config.batch_size.adaptive()) json["batch_size"] = static_cast<int64>(config.batch_size);
  return json;
}

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
  check_resumable(given, {"epochs", "steps", "threads", "recompute", "save_every", "eval_every", "early_stop",
                          "save", "data_dir", "tensorboard"});
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
