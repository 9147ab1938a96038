// Numbers that tests and tests/nn/make_torch_fixtures.py make alike.
#pragma once

#include <cmath>

#include "nn/state_dict.h"

namespace gradus::tests {

/// Number i of a stream, in [-1, 1): a pure function of both.
inline double hashed(std::uint32_t i, std::uint32_t stream) {
  std::uint32_t x = (i + 1) * 0x9E3779B1u + stream * 0x85EBCA6Bu;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  x ^= x >> 16;
  return static_cast<double>(x) / 2147483648.0 - 1;
}

inline Tensor numbers(const Shape& shape, std::uint32_t stream, double scale = 1) {
  Tensor t(shape);
  for (int64 i = 0; i < t.numel(); ++i)
    t.mutable_data()[i] = static_cast<real>(scale * hashed(static_cast<std::uint32_t>(i), stream));
  return t;
}

inline IntTensor integers(const Shape& shape, std::uint32_t stream, int64 below) {
  IntTensor t(shape);
  for (int64 i = 0; i < t.numel(); ++i)
    t.mutable_data()[i] = static_cast<int64>(
        std::floor((hashed(static_cast<std::uint32_t>(i), stream) + 1) / 2 * static_cast<double>(below)));
  return t;
}

/// Fills tensor k of the state with stream 100 + k, scaled by what its name and shape say it is.
inline void fill(Module& module, double gain = std::sqrt(3.0)) {
  std::uint32_t stream = 100;
  for (auto& [name, t] : state_dict(module)) {
    double offset = 0, scale = 0.1;
    if (name.ends_with("running_var")) {
      offset = 1, scale = 0.5;
    } else if (t.rank() >= 2 && !name.ends_with("pos_embed")) {
      scale = gain / std::sqrt(static_cast<double>(fan_of(t.shape()).in));
    } else if (t.rank() == 1 && name.ends_with("weight")) {
      offset = 1, scale = 0.2;
    }
    for (int64 i = 0; i < t.numel(); ++i)
      t.mutable_data()[i] = static_cast<real>(offset + scale * hashed(static_cast<std::uint32_t>(i), stream));
    ++stream;
  }
}

}  // namespace gradus::tests
