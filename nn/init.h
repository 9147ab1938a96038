// Initialisers: how a parameter's first values are drawn.
#pragma once

#include <functional>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// Fills a tensor, drawing from the generator. Module::initialise gives each parameter a generator of its own
/// (forked by the parameter's full name), so values depend on (seed, name) only.
using Init = std::function<void(Tensor&, Rng&)>;

/// Inputs and outputs one unit of a weight is connected to: for (out, in, k...) these are in * prod(k) and
/// out * prod(k), as torch counts them. Throws ShapeError below rank 2.
struct Fan {
  int64 in, out;
};
Fan fan_of(const Shape& weight);

namespace init {

Init constant(double value);
inline Init zeros() { return constant(0); }
inline Init ones() { return constant(1); }
Init uniform(double bound);  ///< in [-bound, bound)
Init normal(double std, double mean = 0);
/// Normal of the given std with values outside of [-cut*std, cut*std] drawn again; not rescaled (timm,
/// torch).
Init truncated_normal(double std, double cut = 2);

/// He et al., "Delving Deep into Rectifiers", ICCV 2015: std = sqrt(2 / (1 + a^2)) / sqrt(fan), a being the
/// negative slope of the leaky ReLU that follows; uniform: bound = sqrt(3) * std.
Init kaiming_uniform(double a = 0, bool fan_out = false);
Init kaiming_normal(double a = 0, bool fan_out = false);
/// Glorot and Bengio, AISTATS 2010: std = gain * sqrt(2 / (fan_in + fan_out)).
Init xavier_uniform(double gain = 1);
Init xavier_normal(double gain = 1);
/// Saxe et al., ICLR 2014: rows or columns (whichever are fewer) of the weight seen as (out, rest)
/// orthonormal, uniformly distributed (Haar), times gain.
Init orthogonal(double gain = 1);

/// What torch's Linear and Conv layers do: kaiming_uniform with a = sqrt(5), that is U(-1/sqrt(fan_in), ...).
Init torch_weight();
/// And their biases: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) with the fan_in of the weight.
Init torch_bias(int64 fan_in);

}  // namespace init
}  // namespace gradus
