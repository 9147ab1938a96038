// Derivatives of functions: gradients, vector-Jacobian and Jacobian-vector products, Hessian- and
// Gauss-Newton-vector products, and whole Jacobians.
//
// A function takes tensors and gives one tensor. It is differentiated with respect to its arguments only: tensors
// it captures are constants to these calls, and no graph that was recorded outside is freed. Every result can be
// differentiated again where create_graph asks for it, so the calls nest in both modes:
//
//   hessian-vector product = jvp of the gradient      (forward over reverse, hvp below)
//   gradient of a directional derivative              grad over jvp(..., {.create_graph = true})
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensor(std::span<const Tensor> xs)>;

struct DerivativeOptions {
  /// Record the results, so that they can be differentiated with respect to whatever the arguments came from.
  bool create_graph = false;
  /// An argument that f does not depend on gets zeros instead of a GraphError.
  bool allow_unused = false;
};

struct ValueAndGrad {
  Tensor value;  ///< f(xs), scalar
  Tensors grads;
};
/// f(xs) and its gradient. Throws ShapeError if f does not give a single number.
ValueAndGrad value_and_grad(const Function& f, std::span<const Tensor> xs,
                            const DerivativeOptions& options = {});

struct Vjp {
  Tensor value;   ///< f(xs)
  Tensors grads;  ///< J_i' cotangent, one for each x
};
/// Reverse mode: the cotangent has the shape of f(xs) (else ShapeError).
Vjp vjp(const Function& f, std::span<const Tensor> xs, const Tensor& cotangent,
        const DerivativeOptions& options = {});

struct Jvp {
  Tensor value;    ///< f(xs)
  Tensor tangent;  ///< sum over i of J_i tangents[i]; zeros if f does not depend on the xs
};
/// Forward mode in one pass: nothing is stored (unless create_graph), so memory does not grow with the depth of f.
/// An undefined tangent stands for zeros, and costs nothing. Throws ShapeError.
Jvp jvp(const Function& f, std::span<const Tensor> xs, std::span<const Tensor> tangents,
        const DerivativeOptions& options = {});

struct Hvp {
  Tensor value;      ///< f(xs), scalar
  Tensors grads;     ///< gradient
  Tensors products;  ///< H v, one for each x
};
/// Hessian-vector product, forward over reverse (Pearlmutter, "Fast Exact Multiplication by the Hessian", Neural
/// Computation 6(1), 1994): the gradient computation carries tangents. Throws ShapeError.
Hvp hvp(const Function& f, std::span<const Tensor> xs, std::span<const Tensor> vs,
        const DerivativeOptions& options = {});

struct GgnVp {
  Tensor value;      ///< loss(outputs(xs)), scalar
  Tensors products;  ///< J' H_L J v, one for each x
};
/// Generalised Gauss-Newton-vector product (Schraudolph, "Fast Curvature Matrix-Vector Products", Neural Computation
/// 14(7), 2002): J the Jacobian of `outputs`, H_L the Hessian of `loss` in the outputs. Positive semidefinite where
/// the loss is convex in the outputs. Throws ShapeError.
GgnVp ggn_vp(const Function& outputs, const std::function<Tensor(const Tensor&)>& loss,
             std::span<const Tensor> xs, std::span<const Tensor> vs);

enum class JacobianMode {
  kCheapest,  ///< forward if there are fewer inputs than outputs, else reverse
  kForward,   ///< one pass a column
  kReverse,   ///< one pass a row
};
/// For each x the Jacobian of shape (shape of f(xs)..., shape of x...). Meant for small outputs or inputs.
Tensors jacobian(const Function& f, std::span<const Tensor> xs, JacobianMode mode = JacobianMode::kCheapest);

/// The Hessian (n,n) of a scalar f over all elements of the xs in order, n products: for small problems and tests.
Tensor hessian(const Function& f, std::span<const Tensor> xs);

/// Value of `forward_value`; derivatives as if it were `backward` (same shape, else ShapeError). With
/// round-to-nearest as forward_value and x as backward: the straight-through estimator (Bengio, Leonard, Courville,
/// 2013, arXiv 1308.3432).
Tensor straight_through(const Tensor& forward_value, const Tensor& backward);

}  // namespace gradus
