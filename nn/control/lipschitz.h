// Layers whose output moves no farther than their input, by construction.
//
// Papers: Araujo, Havens, Delattre, Allauzen, Hu, "A Unified Algebraic Perspective on Lipschitz Neural Networks", ICLR 2023, arXiv
//         2303.03169 (SLL); as part of Juston et al., "APECS: Adaptive Personalized Control System Architecture", 2025, arXiv
//         2503.09624.
//   q = exp(p),  T_i = max(sum_j |W'W|_ij q_j/q_i, 1e-6),  h(x) = x - 2 W (relu(W'x + b)/T)
//   bounded map: y = L_t x Wo'/n(Wo) + c,  n(Wo) = max(1e-6, sqrt(||Wo||_1 ||Wo||_inf)) >= the largest singular value
#pragma once

#include <span>

#include "autograd/graph.h"

namespace gradus {

/// One layer; rows x (B,h), W (h,k), b and p (k) -> (B,h). Throws ShapeError. Differentiable in all, through T too.
Tensor sll_layer(const Tensor& x, const Tensor& W, const Tensor& b, const Tensor& p);
/// n(Wo), a scalar; Wo (m,h).
Tensor norm_bound(const Tensor& Wo);

/// k layers W (k,h,hid), b and p (k,hid), Wo (m,h), c (m), scale_logit ().
struct LipschitzNet {
  Tensor W, b, p, Wo, c, scale_logit;
};
/// features (B,n), n <= h, padded with zeros to h -> y (B,m), `lipschitz`*sigmoid(scale_logit)-Lipschitz in the Euclidean norm.
Tensor lipschitz_output(const LipschitzNet& net, const Tensor& features, double lipschitz);

}  // namespace gradus
