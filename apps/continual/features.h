// What the methods of this folder are handed: features as a function of their parameters, and labelled examples.
#pragma once

#include <functional>
#include <span>

#include "core/tensor.h"

namespace gradus {

/// Features (N,d) of x by parameters in order.
using FeatureMap = std::function<Tensor(std::span<const Tensor> params, const Tensor& x)>;
struct LabelledRows {
  Tensor x;     ///< (N,...)
  IntTensor y;  ///< (N)
};

}  // namespace gradus
