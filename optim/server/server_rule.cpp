#include "optim/server/server_rule.h"

#include "core/error.h"
#include "optim/elements.h"
#include "optim/server/servers.h"

namespace gradus {

namespace {

constexpr const char *kServerOwner = "server", *kServerSteps = "t";

}  // namespace

void ServerRule::step(Tensor& x, const ServerRound& round) {
  if (!(round.delta.shape() == x.shape()))
    fail<ShapeError>("server step: the displacement has shape {}, the parameters {}",
                     round.delta.shape().str(), x.shape().str());
  if (!all_finite(round.delta))
    fail<NumericError>("server step: the clients' mean displacement is not finite");
  double& t = state_.scalar(kServerSteps);
  update(x, round, state_, static_cast<int64>(++t));
}

std::optional<double> ServerRule::scalar(std::string_view name) const {
  const double* found = state_.find_scalar(name);
  return found ? std::optional(*found) : std::nullopt;
}

SavedState ServerRule::save_state() const {
  SavedState saved;
  state_.save(kServerOwner, saved);
  return saved;
}

void ServerRule::load_state(const SavedState& saved) {
  const std::string prefix = std::string(kServerOwner) + "/";
  State fresh;
  const auto name_of = [&](const std::string& key) {
    if (!key.starts_with(prefix)) fail<DataError>("server rule {}: '{}' is no state of it", spec(), key);
    return key.substr(prefix.size());
  };
  for (const auto& [key, tensor] : saved.tensors) fresh.restore(name_of(key), tensor);
  for (const auto& [key, value] : saved.scalars) fresh.restore(name_of(key), value);
  state_ = std::move(fresh);
}

const std::vector<ServerRuleEntry>& server_rules() {
  static const std::vector<ServerRuleEntry> table = {
      servers::fedavg(),  servers::fedavgm(),    servers::fedadagrad(),  servers::fedadam(),
      servers::fedyogi(), servers::fedhyper_g(), servers::fedhyper_gm(), servers::fedhyper_sl(),
      servers::fedexp(),  servers::decay_g(),    servers::decay_sl()};
  return table;
}

ServerRulePtr make_server_rule(std::string_view text) {
  const Spec spec = parse_spec(text);
  std::vector<std::string> names;
  for (const ServerRuleEntry& entry : server_rules()) {
    names.push_back(entry.name);
    if (entry.name != spec.name) continue;
    if (!spec.inner.empty())
      fail<UsageError>("server rule {}: it wraps nothing, but '{}' stands in parentheses", entry.name,
                       spec.inner);
    return entry.make(spec.options);
  }
  throw UsageError(unknown_name("server rule", spec.name, names));
}

}  // namespace gradus
