#include "apps/preference/preference_config.h"

#include <filesystem>

#include "core/error.h"

namespace gradus {

DpoOptions dpo_options(const std::string& loss) {
  const Spec spec = parse_spec(loss);
  if (spec.name != "dpo" || !spec.inner.empty())
    fail<UsageError>("--loss: unknown loss '{}'; valid: dpo", spec.name);
  DpoOptions options;
  set_options(options, spec.options, "loss dpo");
  return options;
}

PreferenceConfig with_absolute_paths(PreferenceConfig config) {
  const auto absolute = [](const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).string();
  };
  Spec data = parse_spec(config.data);
  for (auto& [key, value] : data.options)
    if (key == "path") value = absolute(value);
  config.data = data.str();
  config.init = absolute(config.init);
  config.save = absolute(config.save);
  return config;
}

}  // namespace gradus
