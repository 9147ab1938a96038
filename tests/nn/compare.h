// What tests of layers and models compare: tensors by their largest difference, errors by their message.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace gradus::tests {

/// Largest absolute difference of two tensors of one shape.
inline double gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a.data()[i] - b.data()[i])));
  return worst;
}

/// What f() complains of.
std::string message(const auto& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace gradus::tests
