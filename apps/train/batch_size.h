// --batch-size: a number of examples, or sizes that grow with the variance of the gradient.
//
//   64                                              every batch
//   adaptive:first=8,most=4096,test=norm,eta=0.5    the first batch, and by which test later ones grow (optim/methods/batch_growth.h)
#pragma once

#include <string>

#include "optim/methods/batch_growth.h"

namespace gradus {

/// The options of "adaptive".
struct AdaptiveBatch : BatchTestOptions {
  int64 first = 8, most = 4096, interval = 1;
  void visit(auto&& f) {
    f("first", first, "examples in the first batch", at_least(2));
    f("most", most, "largest size", at_least(2));
    f("test", test, "what is asked of a batch",
      choices({"norm", "inner_product", "orthogonality", "augmented"}));
    f("eta", eta, "norm test: largest deviation of the mean gradient over its norm", positive());
    f("theta", theta, "inner product tests: the same along the gradient", positive());
    f("nu", nu, "orthogonality tests: the same across the gradient", positive());
    f("interval", interval, "steps between tests", at_least(1));
  }
};

/// As a setting: text that reads as a number where sizes are asked for.
struct BatchSize {
  std::string text = "64";

  BatchSize() = default;
  BatchSize(int64 size) : text(std::to_string(size)) {}  // NOLINT(google-explicit-constructor)
  /// Examples in the first batch. Throws UsageError for text that is neither.
  operator int64() const;  // NOLINT(google-explicit-constructor)
  bool adaptive() const { return text.starts_with("adaptive"); }
  /// Throws UsageError where it is not adaptive, for unknown options and values out of range, and for most < first.
  AdaptiveBatch rule() const;
  /// Throws UsageError for what is no batch size.
  void check() const;
};

}  // namespace gradus
