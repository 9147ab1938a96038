// What an agent acts in: observations, numbered actions, rewards, an end. Every random draw comes from the generator an
// environment was made with, so an episode is a function of the seed and the actions.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"

namespace gradus {

class Environment {
 public:
  virtual ~Environment() = default;
  virtual int64 observation_size() const = 0;
  /// Actions are 0 ... actions()-1.
  virtual int64 actions() const = 0;
  /// Writes observation_size() numbers.
  virtual void observe(std::span<real> out) const = 0;
  /// Acts, unless it is over (then nothing changes). Returns the reward. Throws DataError for no action.
  double step(int64 action);
  virtual bool done() const = 0;
  /// Goes on independently from the same state, with the same draws to come.
  virtual std::unique_ptr<Environment> clone() const = 0;

 protected:
  virtual double act(int64 action) = 0;
};
using EnvironmentPtr = std::unique_ptr<Environment>;

struct EnvironmentEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
  std::function<EnvironmentPtr(const OptionList& options, const Rng& rng)> make;  ///< a new episode
};
/// bandit, grid-world, pattern, snake, cart-pole.
const std::vector<EnvironmentEntry>& environments();
/// "grid-world:rows=4,slip=0.1". Throws UsageError for unknown names and options.
EnvironmentPtr make_environment(const std::string& spec, const Rng& rng);

}  // namespace gradus
