// Sizes of the data that tests of models are built for, and how exactly two ways to one result must agree.
#pragma once

#include "nn/model.h"
#include "tests/precision.h"

namespace gradus::tests {

inline constexpr double kModelTolerance = kDouble ? 1e-11 : 2e-5;
inline constexpr DataShape kMnist{.channels = 1, .height = 28, .width = 28, .classes = 10};
inline constexpr DataShape kCifar{.channels = 3, .height = 32, .width = 32, .classes = 10};
inline constexpr DataShape kText{.vocabulary = 65};

/// Numbers in all parameters.
inline int64 count(const Model& model) {
  int64 n = 0;
  for (const ParameterPtr& p : model.parameters()) n += p->value.numel();
  return n;
}

}  // namespace gradus::tests
