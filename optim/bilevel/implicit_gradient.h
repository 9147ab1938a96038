// Hypergradients by the implicit function theorem: the gradient of a validation loss in hyperparameters of the training loss,
// at the weights that training has found.
//
// Paper: Lorraine, Vicol, Duvenaud, "Optimizing Millions of Hyperparameters by Implicit Differentiation", AISTATS 2020,
// arXiv 1911.02590, Algorithms 1 to 3.
//   v = dL_V/dw,  H = d2L_T/dw2,  q ~ H^-1 v
//   hypergradient = dL_V/dlambda - (d2L_T/dw dlambda)' q
//   neumann   u_0 = v,  u_j = u_{j-1} - lr*H u_{j-1},  q = lr*(u_0 + ... + u_i),  i = num_neumann_terms
//   identity  q = lr*v  (no term);  zero  q = 0 (the direct part alone)
//   cg        conjugate gradients on (H + damping*I) q = v from q = 0
//   exact     (H + damping*I)^-1 v, from the whole matrix: for few weights
// H spans all weights, also those without a hyperparameter of their own. The series converges for lr below 2/lambda_max(H), and
// equals backpropagation through the last i + 1 steps of SGD of rate lr. Everything in one call sees the same losses, so a
// mini-batch and dropout masks have to stay the same within it. A hyperparameter that L_T does not depend on (a step size) has
// no indirect part.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/functional/functional.h"
#include "autograd/functional/hutchinson.h"
#include "core/options.h"

namespace gradus {

struct ImplicitOptions {
  std::string method = "neumann";
  int64 num_neumann_terms = 1;
  double lr = 0.1;
  int64 cg_steps = 5;
  double damping = 0;
  void visit(auto&& f) {
    f("method", method, "how the inverse Hessian is approximated",
      choices({"neumann", "identity", "zero", "cg", "exact"}));
    f("num_neumann_terms", num_neumann_terms, "Hessian products of neumann", at_least(0));
    f("lr", lr, "scale of neumann and identity, below 2/lambda_max", positive());
    f("cg_steps", cg_steps, "Hessian products of cg at most", at_least(0));
    f("damping", damping, "multiple of the identity added to the Hessian by cg and exact", at_least(0));
  }
};

/// q, an approximation of H^-1 v, in the shapes of v. cg stops early once r'r <= 1e-24 * v'v. Throws UsageError for an unknown
/// method, NumericError where the products are not finite (a series that diverges) or the system is singular.
Tensors inverse_hvp(const LinearOperator& hessian, std::span<const Tensor> v, const ImplicitOptions& options);

/// A loss of weights w and hyperparameters lambda, a single number; repeatable.
using TwoLevelLoss = std::function<Tensor(std::span<const Tensor> w, std::span<const Tensor> lambda)>;

struct Hypergradient {
  double train_loss = 0, val_loss = 0;
  Tensors inverse_hvp;  ///< q, one for each w
  Tensors grads;        ///< one for each lambda
};
/// Memory: the graph of one training gradient, which is kept through all Hessian products, and three vectors like w. Throws as
/// inverse_hvp.
Hypergradient implicit_hypergradient(const TwoLevelLoss& train, const TwoLevelLoss& val,
                                     std::span<const Tensor> w, std::span<const Tensor> lambda,
                                     const ImplicitOptions& options);

/// 1/2 * sum exp(log_decay) * w^2: a decay of its own for every weight. log_decay has w's shape or broadcasts to it.
Tensor log_decay_penalty(const Tensor& w, const Tensor& log_decay);

}  // namespace gradus
