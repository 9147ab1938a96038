// Batch norm of a batch of which several ranks have a part each.
#pragma once

#include "core/communicator.h"
#include "core/tensor.h"

namespace gradus {

/// batch_norm (autograd/ops/nn_ops.h), with relu batch_norm_relu, with a shortcut batch_norm_add_relu, of this rank's part of a
/// batch by the statistics of the whole, which `batch_mean` and `batch_var` receive. Gradients are those of the sum of all
/// ranks' functions, by first-order reverse mode alone: else GraphError. All ranks make the same calls in the same order.
Tensor batch_norm_of_ranks(Communicator& ranks, const Tensor& x, const Tensor& weight, const Tensor& bias,
                           real eps, bool relu, const Tensor& shortcut, Tensor* batch_mean,
                           Tensor* batch_var);

}  // namespace gradus
