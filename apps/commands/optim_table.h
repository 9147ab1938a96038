// The page optim/rules/TABLE.md: all optimizers with what they cost, ask for and reach, made from the registry and a file of
// recorded scores.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "optim/registry.h"

namespace gradus {

/// What an optimizer came to on a task.
struct RecordedScore {
  std::string rate;  ///< its step size, or "-" for the default one
  double score =
      0;  ///< accuracy on the test set (lenet), loss on it (gpt), milliseconds of a training step (step)
};
/// By task ("lenet", "gpt", "step"), then by name.
using ScoreTable = std::map<std::string, std::map<std::string, RecordedScore>>;

/// A file of tests/optimizer_scores.py: lines "task name rate score ...", tabs between them, below a line of titles.
/// A score of "-" (it diverged) is left out. Throws DataError naming file and line.
ScoreTable read_scores(const std::filesystem::path& file);

/// The page, a table a family.
std::string optimizer_page(const std::vector<const OptimizerEntry*>& entries, const ScoreTable& scores);

}  // namespace gradus
