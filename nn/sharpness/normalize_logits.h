// Logits without their scale.
//   row by row:  (o - mean(o))/max(||o - mean(o)||, 1e-10)
// What is measured behind it does not change when the last layer is multiplied by a number. Tsuzuku, Sato, Sugiyama, ICML
// 2020; as in: Andriushchenko, Croce, Mueller, Hein, Flammarion, ICML 2023, arXiv 2302.07011.
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// Of (n,c), differentiable. A constant row gives zeros.
Tensor normalize_logits(const Tensor& logits);

}  // namespace gradus
