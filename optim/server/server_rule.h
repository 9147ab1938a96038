// Server rules: how the server of a federation moves its model by what the clients of a round found.
//
//   auto server = make_server_rule("fedadam:lr=0.01");
//   server->step(x, {.delta = delta, .clients = 10});     // x moves in place
//
// x is all trained parameters as one flat vector. Delta is a displacement, the mean of the clients' x_i - x: it is added,
// never subtracted like a gradient. A round in which no client had data makes no step: nothing here is called then.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"
#include "optim/state.h"

namespace gradus {

/// What a round brings to the server.
struct ServerRound {
  Tensor delta;            ///< (d) mean displacement of the clients
  int64 clients = 0;       ///< whose mean it is, >= 1
  double mean_square = 0;  ///< mean over these clients, all the same, of ||x_i - x||^2
};

class ServerRule {
 public:
  virtual ~ServerRule() = default;

  /// Moves x (d) in place. Throws ShapeError for a delta of another shape, NumericError for one that is not finite;
  /// nothing has changed then.
  void step(Tensor& x, const ServerRound& round);

  /// Factor on the clients' step size in the coming round, sent along with x.
  virtual double client_lr_scale() const { return 1; }

  /// The spec with every option: "fedadam:lr=0.01,...".
  virtual std::string spec() const = 0;
  /// A vector that the rule keeps ("m", "v"), if it has it; from the first step on.
  const Tensor* slot(std::string_view name) const { return state_.find(name); }
  /// A number that the rule keeps ("alpha": the factor on Delta in the last step), if it has it.
  std::optional<double> scalar(std::string_view name) const;

  /// Everything needed to go on bit for bit, below "server/".
  SavedState save_state() const;
  /// The opposite. Throws DataError for an entry that belongs elsewhere; nothing has changed then.
  void load_state(const SavedState& saved);

 protected:
  /// The rule's own step; t counts the steps made, this one included: 1, 2, ...
  virtual void update(Tensor& x, const ServerRound& round, State& s, int64 t) = 0;
  const State& state() const { return state_; }

 private:
  State state_;
};
using ServerRulePtr = std::unique_ptr<ServerRule>;

struct ServerRuleEntry {
  std::string name, summary, paper, equations;
  std::vector<OptionInfo> options;
  std::function<ServerRulePtr(const OptionList&)> make;
};

/// The table, in the order of lists and help.
const std::vector<ServerRuleEntry>& server_rules();
/// "fedadam:lr=0.01". Throws UsageError for an unknown name (with the nearest), option or value.
ServerRulePtr make_server_rule(std::string_view spec);

}  // namespace gradus
