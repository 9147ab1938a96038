#include "apps/papers/quick.h"

#include <algorithm>
#include <filesystem>

#include "apps/cli/flags.h"
#include "core/atomic_file.h"
#include "data/registry.h"

namespace gradus {
namespace {

constexpr const char* kQuickDigits = "digits:train=320,test=64";
constexpr int64 kQuickSteps = 4, kQuickBatch = 16;

// Enough for windows, all different enough for a language model to have something to do.
std::string quick_text() {
  std::string text;
  for (int i = 0; i < 120; ++i)
    text += fmt::format("{} times {} is {}, and {} more is {}.\n", i % 12, i % 7, (i % 12) * (i % 7), i,
                        (i % 12) * (i % 7) + i);
  return text;
}

}  // namespace

std::string quick_data(const std::string& spec, const std::string& folder) {
  const Spec parsed = parse_spec(spec);
  const DatasetEntry& entry = find_dataset(parsed.name);
  if (parsed.name == "digits" || (entry.needs_files && entry.kind == DataKind::kImages)) return kQuickDigits;
  if (!entry.needs_files) return spec;
  if (entry.kind != DataKind::kText) return spec;
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/quick.txt";
  if (!std::filesystem::exists(path)) write_file(path, quick_text());
  return "text:path=" + path;
}

TrainConfig quick_config(TrainConfig config, const OptionList& changes, const std::string& folder) {
  config.data = quick_data(config.data, folder);
  config.epochs.reset();
  config.steps = kQuickSteps;
  config.eval_every.reset();
  config.limit.reset();
  if (config.batch_size.adaptive())
    config.steps.reset(), config.epochs = 1;
  else
    config.batch_size = std::min<int64>(config.batch_size, kQuickBatch);
  assign(config, changes);
  return config;
}

}  // namespace gradus
