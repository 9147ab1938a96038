// Reverse mode that hands out gradients while it goes on.
#pragma once

#include <functional>

#include "autograd/grad.h"

namespace gradus {

/// grad() of `weight` times a scalar y. `ready` is called with the number of an input (of different ones) and its gradient
/// (undefined where there is none) as soon as nothing can be added to it: it may travel to another machine while the pass
/// goes on.
std::vector<Tensor> grad_as_ready(const Tensor& y, std::span<const Tensor> xs, double weight,
                                  const GradOptions& options,
                                  const std::function<void(std::size_t, const Tensor&)>& ready);

}  // namespace gradus
