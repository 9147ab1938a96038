// Where a tuned value goes in a training run.
#include <algorithm>

#include "apps/cli/flags.h"
#include "apps/papers/plan.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// The optimizers in the parentheses of a wrapper: "muon:lr=0.02|adamw:lr=1e-3" are two.
std::vector<std::string> inner_optimizers(const std::string& inner) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : inner) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == '|' && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// Sets the option in `optim` if one of its optimizers knows it.
bool try_option(std::string& optim, const std::string& key, const std::string& value) {
  Spec spec = parse_spec(optim);
  const auto& known = find_optimizer(spec.name).options;
  if (std::any_of(known.begin(), known.end(), [&](const OptionInfo& o) { return o.name == key; })) {
    std::erase_if(spec.options, [&](const auto& o) { return o.first == key; });
    spec.options.emplace_back(key, value);
    optim = spec.str();
    return true;
  }
  if (spec.inner.empty()) return false;
  std::vector<std::string> parts = inner_optimizers(spec.inner);
  for (std::string& part : parts)
    if (try_option(part, key, value)) {
      spec.inner = fmt::format("{}", fmt::join(parts, "|"));
      optim = spec.str();
      return true;
    }
  return false;
}

}  // namespace

std::string with_option(const std::string& optim, const std::string& key, const std::string& value) {
  std::string changed = optim;
  if (!try_option(changed, key, value))
    fail<UsageError>("tuned key '{}': no setting of a training run, and no option of optimizer {}", key,
                     optim);
  return changed;
}

void set_tuned(TrainConfig& config, const std::string& key, const std::string& value) {
  constexpr std::string_view kPrefix = "optim.";
  if (key.starts_with(kPrefix)) {
    config.optim = with_option(config.optim, key.substr(kPrefix.size()), value);
    return;
  }
  const std::vector<std::string> keys = option_names<TrainConfig>();
  if (std::find(keys.begin(), keys.end(), key) != keys.end())
    assign(config, {{key, value}});
  else
    config.optim = with_option(config.optim, key, value);
}

}  // namespace gradus
