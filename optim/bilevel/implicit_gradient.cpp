#include "optim/bilevel/implicit_gradient.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

// a + c*b of plain numbers, in place.
void add_scaled(Tensors& a, double c, std::span<const Tensor> b) {
  for (size_t i = 0; i < a.size(); ++i) {
    real* to = a[i].mutable_data();
    const real* from = b[i].data();
    const real factor = static_cast<real>(c);
    for (int64 j = 0; j < a[i].numel(); ++j) to[j] += factor * from[j];
  }
}

void scale_all(Tensors& a, double c) {
  for (Tensor& t : a)
    for (real *x = t.mutable_data(), *end = x + t.numel(); x != end; ++x) *x *= static_cast<real>(c);
}

Tensors clones_of(std::span<const Tensor> xs) {
  Tensors copies;
  for (const Tensor& x : xs) copies.push_back(x.clone());
  return copies;
}

Tensors zeros_of(std::span<const Tensor> xs) {
  Tensors zeros;
  for (const Tensor& x : xs) zeros.push_back(Tensor::zeros(x.shape()));
  return zeros;
}

void check_finite(double square, const ImplicitOptions& o) {
  if (!std::isfinite(square))
    fail<NumericError>("inverse_hvp: the {} iteration is not finite{}", o.method,
                       o.method == "neumann" ? fmt::format("; lr = {} may exceed 2/lambda_max", o.lr) : "");
}

Tensors neumann_series(const LinearOperator& hessian, std::span<const Tensor> v, const ImplicitOptions& o) {
  Tensors u = clones_of(v), q = clones_of(v);
  for (int64 j = 0; j < o.num_neumann_terms; ++j) {
    add_scaled(u, -o.lr, hessian(u));
    add_scaled(q, 1, u);
  }
  scale_all(q, o.lr);
  check_finite(inner(q, q), o);
  return q;
}

Tensors conjugate_gradients(const LinearOperator& hessian, std::span<const Tensor> v,
                            const ImplicitOptions& o) {
  Tensors q = zeros_of(v), r = clones_of(v), p = clones_of(v);
  const double start = inner(v, v);
  double square = start;
  for (int64 k = 0; k < o.cg_steps && square > 1e-24 * start; ++k) {
    Tensors product = clones_of(hessian(p));
    add_scaled(product, o.damping, p);
    const double alpha = square / inner(p, product);
    check_finite(alpha, o);
    add_scaled(q, alpha, p);
    add_scaled(r, -alpha, product);
    const double next = inner(r, r);
    scale_all(p, next / square);
    add_scaled(p, 1, r);
    square = next;
  }
  check_finite(square, o);
  return q;
}

Tensors exact_solution(const LinearOperator& hessian, std::span<const Tensor> v, const ImplicitOptions& o) {
  const int64 n = total_size(v);
  Tensor matrix({n, n});
  for (int64 i = 0; i < n; ++i) {
    const Tensor column = flatten_all(hessian(unflatten(basis_vector({n}, i), v)));
    for (int64 j = 0; j < n; ++j)
      matrix.mutable_data()[j * n + i] = column.data()[j] + static_cast<real>(i == j ? o.damping : 0);
  }
  return clones_of(unflatten(linalg::solve(matrix, flatten_all(v)), v));
}

// d<g, v>/dxs of recorded gradients g, whose graph stays; zeros where nothing is recorded or used.
Tensors pull_through(std::span<const Tensor> g, std::span<const Tensor> xs, std::span<const Tensor> v) {
  Tensors ys, cotangents;
  for (size_t i = 0; i < g.size(); ++i) {
    if (!g[i].defined() || !requires_grad(g[i])) continue;
    ys.push_back(g[i]);
    cotangents.push_back(v[i]);
  }
  if (ys.empty() || xs.empty()) return zeros_of(xs);
  Tensors out = grad(ys, xs, cotangents, {.retain_graph = true, .allow_unused = true});
  for (size_t i = 0; i < xs.size(); ++i)
    if (!out[i].defined()) out[i] = Tensor::zeros(xs[i].shape());
  return out;
}

}  // namespace

Tensors inverse_hvp(const LinearOperator& hessian, std::span<const Tensor> v, const ImplicitOptions& o) {
  if (o.method == "zero") return zeros_of(v);
  if (o.method == "identity") {
    Tensors q = clones_of(v);
    scale_all(q, o.lr);
    return q;
  }
  if (o.method == "neumann") return neumann_series(hessian, v, o);
  if (o.method == "cg") return conjugate_gradients(hessian, v, o);
  if (o.method == "exact") return exact_solution(hessian, v, o);
  fail<UsageError>("inverse_hvp: unknown method '{}'; neumann, identity, zero, cg, exact", o.method);
}

Hypergradient implicit_hypergradient(const TwoLevelLoss& train, const TwoLevelLoss& val,
                                     std::span<const Tensor> w, std::span<const Tensor> lambda,
                                     const ImplicitOptions& options) {
  const Recording on(true);
  const auto leaves = [](std::span<const Tensor> xs) {
    Tensors variables;
    for (const Tensor& x : xs) variables.push_back(variable(x));
    return variables;
  };
  const Tensors at_w = leaves(w), at_lambda = leaves(lambda);
  const auto loss_of = [](const TwoLevelLoss& f, const Tensors& a, const Tensors& b, const char* what) {
    const Tensor loss = f(a, b);
    if (loss.numel() != 1)
      fail<ShapeError>("implicit_hypergradient: the {} loss has shape {}, not one element", what,
                       loss.shape().str());
    return loss;
  };
  Hypergradient out;
  Tensors v(w.size()), direct(lambda.size());
  {
    const Tensor loss = loss_of(val, at_w, at_lambda, "validation");
    out.val_loss = static_cast<double>(loss.item());
    Tensors all = at_w;
    all.insert(all.end(), at_lambda.begin(), at_lambda.end());
    if (requires_grad(loss)) {
      const Tensors grads = grad(loss, all, {.allow_unused = true});
      std::copy_n(grads.begin(), v.size(), v.begin());
      std::copy_n(grads.begin() + std::ssize(v), direct.size(), direct.begin());
    }
    for (size_t i = 0; i < v.size(); ++i)
      if (!v[i].defined()) v[i] = Tensor::zeros(w[i].shape());
  }
  const Tensor loss = loss_of(train, at_w, at_lambda, "training");
  out.train_loss = static_cast<double>(loss.item());
  Tensors g(w.size());
  if (requires_grad(loss)) g = grad(loss, at_w, {.create_graph = true, .allow_unused = true});
  out.inverse_hvp =
      inverse_hvp([&](std::span<const Tensor> x) { return pull_through(g, at_w, x); }, v, options);
  out.grads = pull_through(g, at_lambda, out.inverse_hvp);
  for (size_t i = 0; i < lambda.size(); ++i) {
    real* to = out.grads[i].mutable_data();
    const real* from = direct[i].defined() ? direct[i].data() : nullptr;
    for (int64 j = 0; j < lambda[i].numel(); ++j) to[j] = (from ? from[j] : 0) - to[j];
  }
  return out;
}

Tensor log_decay_penalty(const Tensor& w, const Tensor& log_decay) {
  return sum(exp(log_decay) * square(w)) * real(0.5);
}

}  // namespace gradus
