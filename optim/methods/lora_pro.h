// LoRA-Pro: the gradients of a pair of thin matrices, adjusted so that the product moves as the full matrix would.
//
// Paper: Wang, Liang, He, Wang, Tan, "LoRA-Pro: Are Low-Rank Adapters Properly Optimized?", ICLR 2025, arXiv 2407.18242.
//   W = W0 + s*B*A, A (r,n), B (m,r);  grad_A = s*B'g, grad_B = s*g*A' of the full gradient g (m,n), which is never made
//   P = B'B, Q = A*A', iP = inv(P + delta*I), iQ = inv(Q + delta*I)
//   a0 = iP*grad_A/s^2,  b0 = (grad_B - B*iP*(B'grad_B))*iQ/s^2
//   with X: P*X + X*Q = -iP*grad_A*A'/s^2,  (a, b) = (a0 + X*A, b0 - B*X);  without: (a0, b0).  B = 0: (grad_A, grad_B*iQ/s^2)
//   s*B*a + s*b*A is the nearest to g of all that such a pair can do; X leaves it and brings a, b nearest to LoRA's own
//   sgd:    (a,b) = adjust(grad_A, grad_B, X)
//   adamw:  G = s*B*a0 + s*b0*A;  M = beta1*M + (1-beta1)*G;  V = beta2*V + (1-beta2)*G^2                    (m,n)
//           D = M/(1-beta1^t) / (sqrt(V)/sqrt(1-beta2^t) + eps);  (a,b) = adjust(s*B'D, s*D*A', X)
//   A <- (1 - lr*weight_decay)*A - lr*a,  B <- (1 - lr*weight_decay)*B - lr*b
// The algebra is in double. Departures from the released code, which counts t from 2, fixes s at 16/8 and rounds G^2: as in the paper.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// Gradients of A (r,n) and of B (m,r).
struct PairGradient {
  Tensor A, B;
};

/// s*B*grad_A + s*grad_B*A, (m,n): how the product moves. Throws ShapeError.
Tensor equivalent_gradient(const Tensor& A, const Tensor& B, const PairGradient& g, double s);

/// s*B'g and s*g*A': what a pair gets of a full gradient g (m,n).
PairGradient pair_of_full_gradient(const Tensor& A, const Tensor& B, const Tensor& g, double s);

/// (a, b) of the pair. Throws ShapeError, and NumericError where P or Q is singular with delta = 0.
PairGradient adjust_pair(const Tensor& A, const Tensor& B, const PairGradient& g, double s,
                         double delta = 1e-8, bool with_x = true);

struct LoraProOptions {
  std::string optimizer = "adamw";
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, delta = 1e-8;
  void visit(auto&& f) {
    f("optimizer", optimizer, "sgd, or with moments of the whole matrix", choices({"adamw", "sgd"}));
    f("beta1", beta1, "adamw: decay of the gradient mean", decay_rate());
    f("beta2", beta2, "adamw: decay of the mean of squares", decay_rate());
    f("eps", eps, "adamw: added to the root", at_least(0));
    f("weight_decay", weight_decay, "decoupled", at_least(0));
    f("delta", delta, "added to the diagonals that are inverted", at_least(0));
  }
};

/// The steps of one pair, whose tensors it changes in place.
class LoraProPair {
 public:
  LoraProPair(Tensor A, Tensor B, double s, const LoraProOptions& options);
  void step(const PairGradient& g, double lr);
  /// (m,n); undefined before the first step and for sgd.
  const Tensor& first_moment() const { return m_; }
  const Tensor& second_moment() const { return v_; }

 private:
  LoraProOptions o_;
  Tensor a_, b_, m_, v_;
  double s_;
  int64 t_ = 0;
};

}  // namespace gradus
