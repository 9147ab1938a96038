// Methods of learning tasks in turn by name: `gradus continual --method NAME[:key=value,...]`.
//
//   naive, joint, replay, ewc, lwf, agem      what methods are compared with (plain_learner.h)
//   foster, rogo, tag, hard-ash, amgc, csfa   papers' procedures
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/continual/learner.h"
#include "apps/continual/network.h"
#include "core/options.h"

namespace gradus {

struct LearnerEntry {
  std::string name, summary, paper, equations;
  std::vector<OptionInfo> options;
  std::function<LearnerPtr(const OptionList& options, const NetworkSizes& sizes)> make;
};
/// The table.
const std::vector<LearnerEntry>& learners();
/// Throws UsageError for unknown names (naming the nearest) and options.
const LearnerEntry& find_learner(const std::string& name);
LearnerPtr make_learner(const std::string& spec, const NetworkSizes& sizes);

}  // namespace gradus
