#include "apps/active/config.h"

#include "apps/active/strategy.h"
#include "apps/cli/flags.h"
#include "apps/train/config.h"

namespace gradus {

int64 ActiveConfig::labels_of(int64 round) const {
  if (!initial) return budget / rounds + (round < budget % rounds ? 1 : 0);
  if (round == 0) return *initial;
  const int64 left = budget - *initial, others = rounds - 1;
  return left / others + (round - 1 < left % others ? 1 : 0);
}

void check(const ActiveConfig& config) {
  if (config.initial && *config.initial > config.budget)
    fail<UsageError>("--initial {}: --budget {} allows no more", *config.initial, config.budget);
  if (config.initial && config.rounds == 1 && *config.initial != config.budget)
    fail<UsageError>("--initial {}: in one round all {} labels are the first ones", *config.initial,
                     config.budget);
  for (int64 r = 0; r < config.rounds; ++r)
    if (config.labels_of(r) < 1)
      fail<UsageError>("--rounds {}: --budget {} leaves round {} no label", config.rounds, config.budget,
                       r + 1);
  if (config.pool && *config.pool < config.budget)
    fail<UsageError>("--budget {}: the pool has {} examples", config.budget, *config.pool);
  in_flag("--strategy", [&] { check_strategy(config.strategy); });
  TrainConfig training{
      .data = config.data, .model = config.model, .optim = config.optim, .schedule = config.schedule};
  training.augment = config.augment;
  check(training);
}

nlohmann::ordered_json config_json(const ActiveConfig& config) { return options_json(config); }

void check_active_resumable(const OptionList& given) {
  check_resumable(given, {"threads", "save", "data_dir"});
}

}  // namespace gradus
