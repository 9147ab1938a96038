// All optimizers by name.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"
#include "optim/group.h"
#include "optim/optimizer.h"

namespace gradus {

/// What a reader wants to know about an optimizer before using it.
struct OptimizerText {
  std::string name;       ///< "adabelief"
  std::string summary;    ///< one line: what is special about it
  std::string paper;      ///< authors, venue, year, arXiv
  int extra_reads = 0;    ///< passes over a parameter-sized tensor beside the fused one (norms, masks)
  std::string equations;  ///< what the head of its file says: the update in plain text, and remarks (heads.h)
  std::string source;     ///< that file: "optim/rules/adabelief.cpp"
};

struct OptimizerEntry {
  OptimizerText text;
  bool wraps = false;  ///< needs another optimizer in parentheses: "lookahead(adam:lr=1e-3):k=5"
  std::vector<OptionInfo> options;
  std::function<OptimizerPtr(const Spec&, const Parameters&, const std::vector<GroupSpec>&)> make;
  bool transforms = false;  ///< a wrapper that only changes the gradient on its way to the rule inside
  std::string family;       ///< "adaptive": of the table it is in

  /// "rule", "wrapper" or "transform".
  const char* kind() const { return transforms ? "transform" : wraps ? "wrapper" : "rule"; }
};

/// The table, in the order of lists and help: baselines, rules by family, wrappers. Families stand together.
const std::vector<OptimizerEntry>& optimizers();
/// Throws UsageError listing the valid names and the nearest.
const OptimizerEntry& find_optimizer(std::string_view name);

/// "adam:lr=1e-3" or "lookahead(adam:lr=1e-3):k=5" over these parameters. Throws UsageError for an unknown
/// name, option or value, for a wrapper without an optimizer inside and for a rule with one.
OptimizerPtr make_optimizer(std::string_view spec, const Parameters& parameters,
                            const std::vector<GroupSpec>& groups = {});
OptimizerPtr make_optimizer(const Spec& spec, const Parameters& parameters,
                            const std::vector<GroupSpec>& groups = {});

/// What one parameter of this shape costs, measured on a few steps with the default options (a wrapper's
/// around plain SGD).
struct StateCost {
  double bytes_per_parameter = 0;  ///< of state
  double bytes_moved = 0;  ///< per parameter and step: weights and state read and written, gradient read
  std::vector<std::string> slots;  ///< "m", "v", ...
};
StateCost state_cost(const OptimizerEntry& entry, const Shape& shape);
/// The same of an optimizer with options and what stands inside it. Throws as make_optimizer.
StateCost state_cost(const Spec& spec, const Shape& shape);

/// What an entry with its default options (a wrapper's around plain SGD) asks for and looks at, found by running it.
struct OptimizerTraits {
  Needs needs;
  bool matrix = false;  ///< its step depends on how the elements of a matrix stand in rows and columns
};
OptimizerTraits traits_of(const OptimizerEntry& entry);
/// The names of needs ("hvp"), or "gradient" for none.
std::vector<std::string> need_names(const Needs& needs);

}  // namespace gradus
