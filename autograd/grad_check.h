// Checking gradients against central differences: what `grad` gives for a scalar function of parameters, held
// against (f(p + h) - f(p - h)) / 2h, element by element. Meant for the double build: in float the
// differences themselves are good to three digits at best.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/parameter.h"

namespace gradus {

struct GradCheckOptions {
  double step = sizeof(real) == 8 ? 1e-5 : 1e-2;  ///< h, times max(1, |p|)
  int64 elements = 0;      ///< of each parameter that are checked, drawn without replacement; 0 means all
  std::uint64_t seed = 0;  ///< of that draw
};

/// The element of one parameter where gradient and difference are farthest apart.
struct GradCheckEntry {
  std::string parameter;
  Shape shape;
  int64 element = 0;  ///< flat position
  double gradient = 0, difference = 0;
  double error =
      0;  ///< |gradient - difference| / max(|gradient|, |difference|, 1e-3 of the largest gradient)
};

struct GradCheck {
  std::vector<GradCheckEntry> entries;  ///< one a parameter, worst first
  double worst() const { return entries.empty() ? 0 : entries.front().error; }
};

/// `loss` computes a scalar from the parameters' current values, the same way each time (a fixed batch,
/// dropout off or its generator reset). Parameters are changed in place and restored. Frozen parameters are
/// left out; one the loss does not depend on counts as gradient 0. Throws ShapeError if the loss is no scalar.
GradCheck grad_check(const std::function<Tensor()>& loss, const Parameters& parameters,
                     const GradCheckOptions& options = {});

}  // namespace gradus
