// Which examples of a mini-batch are trained on: `gradus train --select NAME[:key=value,...]`.
//
//   all           every one, the default: no selector at all
//   adaptive-k    losses up to a threshold that follows the batches' mean loss (adaptive_threshold.h)
//   small-loss    the share of each batch whose losses are smallest (MKL, the same header)
//   trimmed-loss  the share of the whole set whose losses were smallest in the epoch before
// A selector sees losses, never labels, and knows nothing of how many of these are wrong but what it is told by its options.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// A batch as a selector sees it.
struct LossBatch {
  std::span<const double> losses;  ///< one an example
  std::span<const int64> index;    ///< of each example in the training set, 0..examples-1
  int64 epoch = 0;                 ///< whole passes made before this one
  int64 examples = 0;              ///< of the training set
};
struct Selected {
  std::vector<char> keep;  ///< one an example
  double threshold = 0;    ///< the largest loss that may be kept; infinite where all may
  int64 count() const;
};

/// What a selector has seen, for checkpoints.
struct SelectorState {
  std::map<std::string, double> scalars;
  std::map<std::string, Tensor> tensors;
};

class SampleSelector {
 public:
  virtual ~SampleSelector() = default;
  virtual Selected select(const LossBatch& batch) = 0;
  virtual SelectorState save_state() const { return {}; }
  virtual void load_state(const SelectorState& state) { static_cast<void>(state); }

  /// "adaptive-k:warmup=2,...", all options written out.
  const std::string& spec() const { return spec_; }
  void set_spec(std::string spec) { spec_ = std::move(spec); }

 private:
  std::string spec_;
};
using SelectorPtr = std::unique_ptr<SampleSelector>;

struct SelectorEntry {
  std::string name, summary, paper, equations;
  std::vector<OptionInfo> options;
  std::function<SelectorPtr(const OptionList& options)> make;
};
/// The table.
const std::vector<SelectorEntry>& sample_selectors();
/// Null for "all". Throws UsageError for unknown names (naming the nearest) and options.
SelectorPtr make_selector(const std::string& spec);

}  // namespace gradus
