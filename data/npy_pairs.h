// Pairs of .npy files: examples in one, labels or targets in the other.
#pragma once

#include "data/registry.h"

namespace gradus {

struct NpyOptions {
  std::string x, y, test_x, test_y;
  std::optional<double> test;
  int64 seed = 0;

  void visit(auto&& f) {
    f("x", x, "examples: 8-bit images (N,H,W) or (N,C,H,W), or numbers (N,...)");
    f("y", y, "class labels (N) as integers, or real targets (N) or (N,D)");
    f("test_x", test_x, "examples of the test set; none: drawn from x");
    f("test_y", test_y, "labels or targets of the test set");
    f("test", test,
      "part of the examples drawn for the test set where there is no test_x, 1 all of them; none: 0.2, but "
      "to evaluate weights of another file 1",
      Limits{0, 1, true});
    f("seed", seed, "of that draw", at_least(0));
  }
};

/// 8-bit images are normalised by the mean and deviation of the training images, numbers are taken as they
/// are. Throws UsageError for missing options, DataError for arrays that do not fit each other, for
/// numbers that are not finite and for classes that only the test set has.
Data open_npy(const NpyOptions& options, const DataPlaces& places = {});

}  // namespace gradus
