// Small problems by name, that any optimizer can be tried on: "matrix-sensing:condition=100".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/functional/functional.h"
#include "core/options.h"
#include "core/rng.h"

namespace gradus {

struct SmallProblem {
  Function loss;  ///< of the tensors below, a differentiable scalar
  std::vector<Tensor> start;
};

struct ProblemEntry {
  const char* name;
  const char* summary;
  std::vector<OptionInfo> (*options)();
  /// Throws UsageError for options it has not and values out of range.
  SmallProblem (*make)(const OptionList& options, Rng& rng);
  const char* source;  ///< the file to read
};
std::span<const ProblemEntry> problems();

/// The problem that "rosenbrock" or "quadratic:size=50,condition=1e4" names, random parts and the start drawn from rng. Throws UsageError
/// for unknown names (with the nearest), options and values.
SmallProblem make_problem(std::string_view spec, Rng rng);

}  // namespace gradus
