// Which tasks share a set of weights: those whose instructions are alike.
//
// Paper: Qiao, Zhang, Tan, Qu, Ding, Xie, "Large Continual Instruction Assistant", ICML 2025, arXiv 2410.10868.
//   similarity of two texts: cosine of count*idf over their words, idf = log(3/(1 + df)) + 1 over these two texts alone
//   similarity of a task and a set: mean over all pairs (instruction of the task, stored instruction)
//   the best set is reused where its similarity reaches the threshold, and stores the instructions it lacks; else a new one opens
// Words: runs of letters, digits and _ of two characters or more, in lower case, without stop words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/real.h"

namespace gradus {

/// 0 where either has no words.
double tfidf_cosine(std::string_view a, std::string_view b, const std::vector<std::string>& stop_words = {});

class InstructionSets {
 public:
  explicit InstructionSets(double threshold = 0.9, std::vector<std::string> stop_words = {});

  struct Choice {
    int64 set = 0;
    double similarity = 0;  ///< of the best set there was; 0 for the first task
  };
  /// A task's instructions; said twice they count once. Throws UsageError for none.
  Choice add_task(const std::vector<std::string>& instructions);
  /// The set to use for instructions that are not stored: the best one, below the threshold the latest. Throws UsageError where
  /// there is no set.
  int64 find(const std::vector<std::string>& instructions) const;
  int64 size() const { return static_cast<int64>(sets_.size()); }

 private:
  Choice best(const std::vector<std::string>& instructions) const;

  double threshold_;
  std::vector<std::string> stop_words_;
  std::vector<std::vector<std::string>> sets_;
};

}  // namespace gradus
