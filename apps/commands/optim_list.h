// gradus optim list: the optimizers by family, chosen by what they are and what they ask for; as text, JSON or a page.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "apps/cli/commands.h"
#include "core/options.h"
#include "optim/registry.h"

namespace gradus {

struct OptimizerFilter {
  std::string family, kind, needs;
  bool matrix = false;
  void visit(auto&& f) {
    f("family", family, "only this family");
    f("kind", kind, "only these", choices({"rule", "wrapper", "transform", "schedule"}));
    f("needs", needs,
      "only what asks for this beside the gradient (gradient: for nothing), by default options");
    f("matrix", matrix, "only rules whose step depends on rows and columns");
  }
};

/// The entries whose names match the pattern and that pass the filter, in the order of the registry. Throws UsageError for a
/// pattern, family or need that none has, naming the valid ones and the nearest.
std::vector<const OptimizerEntry*> select_optimizers(const std::string& pattern,
                                                     const OptimizerFilter& filter);
/// A heading with its count a family, a line an entry.
std::string optimizer_list(const std::vector<const OptimizerEntry*>& entries);

/// Adds "list" to `optim`.
void add_optimizer_list(CLI::App& optim, Action& action);

}  // namespace gradus
