// Transfer of features: a network's features are drawn towards those of a larger, frozen one, by the kernels of a batch.
//
// Paper: Qiu, Han, Maddix, Zhang, Wang, Wilson, "Transferring Knowledge from Large Foundation Models to Small Downstream Models",
//        ICML 2024, arXiv 2406.07337 (AFT); and what it is compared with: regression of the teacher's features (KD), kernel KD.
//   t = psi .* sigmoid(scales)  (diagonal),  psi scales  (dense),  psi  (none)
//   phi and t: minus the column means of the batch, then each row over (its norm + 1e-8)
//   K = Z Z'  (linear),  exp(-||z_i - z_j||^2)  (rbf)
//   penalty = sqrt(mean over all entries of (K_phi - K_t)^2 + 1e-8)
// Gradients flow through both kernels, so that the scales learn which of the teacher's features the task needs.
#pragma once

#include <string>

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct TransferOptions {
  std::string kernel = "linear", scales = "diagonal";
  void visit(auto&& f) {
    f("kernel", kernel, "of the normalised features", choices({"linear", "rbf"}));
    f("scales", scales, "weights on the teacher's features: one each, a matrix, or none",
      choices({"diagonal", "dense", "none"}));
  }
};

/// All differentiable. features (N,d), teacher (N,D), scales (D), (D,D) or undefined. Throws ShapeError.
struct TransferPenalty {
  Tensor penalty;                 ///< scalar
  Tensor kernel, teacher_kernel;  ///< (N,N)
};
TransferPenalty transfer_penalty(const Tensor& features, const Tensor& teacher, const Tensor& scales,
                                 const TransferOptions& options = {});

/// A learned map z = features weight' + bias against the teacher's features: mean over all entries of (z - teacher)^2, or (kernel)
/// transfer_penalty of z, "linear", "none".
Tensor feature_distillation(const Tensor& features, const Tensor& teacher, const Tensor& weight,
                            const Tensor& bias, bool kernel = false);

}  // namespace gradus
