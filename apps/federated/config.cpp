#include "apps/federated/config.h"

#include "apps/cli/flags.h"
#include "apps/train/config.h"

namespace gradus {

void check(const FederatedConfig& config) {
  if (config.per_round > config.clients)
    fail<UsageError>("--per-round {}: there are only {} clients", config.per_round, config.clients);
}

nlohmann::ordered_json config_json(const FederatedConfig& config) { return options_json(config); }

void check_federated_resumable(const OptionList& given) {
  check_resumable(given, {"rounds", "threads", "target", "eval_every", "save_every", "save", "data_dir"});
}

}  // namespace gradus
