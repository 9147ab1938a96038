// Two classes of a set as signs, their examples by principal components: small dense problems out of real images.
#pragma once

#include "core/tensor.h"
#include "data/dataset.h"

namespace gradus {

struct TwoClassesOptions {
  int64 first = 3, second = 8;  ///< labels; the first is +1
  int64 components = 20;
  int64 most = 2000;  ///< examples taken, from the front
};
struct TwoClasses {
  Tensor features;  ///< (n, components), of mean 0, scaled so that the first has variance 1
  Tensor signs;     ///< (n), +1 or -1
};
/// Throws UsageError for a set without these classes, or of fewer numbers an example than components.
TwoClasses two_classes(const Dataset& set, const TwoClassesOptions& options);

}  // namespace gradus
