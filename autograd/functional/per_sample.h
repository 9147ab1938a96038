// Per-sample gradients and losses: what each sample of a mini-batch alone would contribute, from one forward and one
// backward pass.
//
// A backward pass carries to each layer the cotangent g of its output; sample n owns the n-th block of rows of g and of
// the layer's input x. The gradient of a parameter is a sum over rows, so restricting the sum to sample n's rows gives
// that sample's gradient (Goodfellow, "Efficient per-example gradient computations", 2015, arXiv 1510.01799; Dangel,
// Kunstner, Hennig, "BackPACK", ICLR 2020, arXiv 1912.10985):
//
//   linear, y = x w' + b:   dw_n = g_n' x_n,   db_n = column sums of g_n,   |dw_n|^2 = <x_n x_n', g_n g_n'>
//   conv2d:                 dw_n = conv2d_weight_grad(g_n, x_n)
//   layer norm:             dw_n = sum of g (x - mean) / std over the rows of sample n,   db_n = sum of g
//   embedding:              d(table)_n = rows of g_n added at the ids of sample n
//   gains, biases, other broadcasting:  the primitive's own vjp on sample n's rows
//
// Before any of this is used, the recorded graph is checked primitive by primitive: from where the batch enters to the
// losses, every output block must follow from the blocks of the same sample. Where that cannot be shown, each sample is
// run by itself: exact and slower, and the result says why. Losses that differ when a sample runs by itself (batch norm
// with batch statistics, contrastive losses) have no per-sample gradients: GraphError.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

/// Losses (end - begin) of samples begin..end-1 of a batch, recorded from the parameters. Is called for parts of the
/// batch, so it must be repeatable (no fresh random numbers in each call) and a sample's loss must not depend on which
/// others are asked for with it.
using SampleLosses = std::function<Tensor(int64 begin, int64 end)>;

enum class PerSampleMethod {
  kAuto,     ///< closed forms where they are shown to hold, else one sample after the other
  kOneByOne  ///< one sample after the other
};

struct PerSampleGrads {
  Tensor losses;              ///< (N)
  std::vector<Tensor> grads;  ///< of each parameter: (N, shape of the parameter...)
  std::string fallback;       ///< why the samples were run one by one; empty if closed forms served
};
/// Gradients of each sample's loss. `params` are the tensors (leaves or interior) that the losses are recorded from;
/// one that a loss does not depend on gets zeros. Throws ShapeError if f does not give one loss a sample or samples <
/// 1, and GraphError naming the primitive if the samples of a batch influence each other's losses.
PerSampleGrads per_sample_gradients(const SampleLosses& f, std::span<const Tensor> params, int64 samples,
                                    PerSampleMethod method = PerSampleMethod::kAuto);

struct PerSampleNorms {
  Tensor losses;                ///< (N)
  std::vector<Tensor> squared;  ///< of each parameter: (N) squared Euclidean norms of the gradients
  std::string fallback;
};
/// Squared norms of the per-sample gradients. Only one sample's gradient exists at a time, and none at all for a weight
/// used once in a linear layer (unless its sequence is so long that the gradient is the smaller object).
PerSampleNorms per_sample_squared_norms(const SampleLosses& f, std::span<const Tensor> params, int64 samples,
                                        PerSampleMethod method = PerSampleMethod::kAuto);

}  // namespace gradus
