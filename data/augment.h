// Augmentation: small transforms of normalised examples, composed in the order given ("pad-crop,flip").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "data/batch.h"
#include "data/dataset.h"

namespace gradus {

/// What a transform may know of the example it changes.
struct ExampleContext {
  int64 epoch;  ///< how often the set was gone through before
  int64 index;  ///< of the example in the data set
  std::uint64_t seed;
  const DatasetInfo& info;
};

/// One transform. Its randomness is a pure function of (seed, epoch, example), so a resumed run sees the same
/// images and the number of threads does not matter.
class Transform {
 public:
  virtual ~Transform() = default;
  /// Changes the (C,H,W) image in place; `rng` is this transform's own for this example and epoch.
  virtual void apply_example(real*, Rng&, const ExampleContext&) const {}
  /// Changes the whole batch; `rng` is this transform's own for this batch.
  virtual void apply_batch(Batch&, Rng&, const DatasetInfo&) const {}
};

/// A chain of transforms. Empty: examples stay as they are.
class Augmentation {
 public:
  Augmentation() = default;
  explicit Augmentation(std::vector<std::shared_ptr<const Transform>> chain) : chain_(std::move(chain)) {}
  bool empty() const { return chain_.empty(); }
  void apply_example(real* image, const ExampleContext& context) const;
  void apply_batch(Batch& batch, std::uint64_t seed, const DatasetInfo& info) const;

 private:
  std::vector<std::shared_ptr<const Transform>> chain_;
};

struct TransformEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
  std::shared_ptr<const Transform> (*make)(const OptionList& options);
};

/// All transforms, in the order of the help.
const std::vector<TransformEntry>& transforms();
/// "pad-crop,flip,cutout(size=8)" as a chain, applied from left to right; "" and "none" are the empty chain.
/// Throws UsageError for an unknown transform, option or value.
Augmentation parse_augmentation(const std::string& text);

}  // namespace gradus
