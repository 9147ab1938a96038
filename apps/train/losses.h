// Losses by name: what `gradus train --loss NAME[:key=value,...]` trains with. One more, of gradus or of a program that links it:
//
//   struct Mine {
//     struct Options { double delta = 1; void visit(auto&& f) { f("delta", delta, "...", positive()); } };
//     static Tensor losses(const Options& o, const Tensor& output, const Batch& batch) { ... }   // (B), differentiable
//   };
//   add_loss(loss_entry<Mine>("mine", "what it is"));
//
// Evaluations stay those of the model's task: what is trained with decides no score.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/train/task.h"
#include "core/options.h"

namespace gradus {

struct LossEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
  /// Null for the task's own. Throws UsageError for options it has not and values out of range.
  std::function<ExampleLosses(const OptionList& options)> make;
};
/// The table; "task", the first, is the loss that the model's task has (loss_of).
const std::vector<LossEntry>& losses();
/// Adds to losses(), at the beginning of a program, before the table is used. Throws UsageError for a name that is taken.
void add_loss(LossEntry entry);

/// The loss that "huber:delta=2" names; null for "task". Throws UsageError for unknown names (naming the nearest), options and
/// values.
ExampleLosses make_loss(const std::string& spec);

/// An entry of L (see above).
template <class L>
LossEntry loss_entry(const std::string& name, const std::string& summary) {
  return {name, summary, describe_options<typename L::Options>(),
          [name](const OptionList& list) -> ExampleLosses {
            typename L::Options options;
            set_options(options, list, "loss " + name);
            return [options](const Tensor& output, const Batch& batch) {
              return L::losses(options, output, batch);
            };
          }};
}

}  // namespace gradus
