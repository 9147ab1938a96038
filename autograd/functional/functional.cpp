#include "autograd/functional/functional.h"

#include <algorithm>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/graph_access.h"

namespace gradus {
namespace {

void check_scalar(const char* op, const Tensor& y) {
  if (y.numel() != 1) fail<ShapeError>("{}: the function gave shape {}, not one number", op, y.shape().str());
}

Tensors arguments(std::span<const Tensor> xs, const DerivativeOptions& options) {
  Tensors fresh;
  fresh.reserve(xs.size());
  for (const Tensor& x : xs) fresh.push_back(fresh_argument(x, options.create_graph));
  return fresh;
}

// Gradients of the recorded y; zeros for what it does not depend on, if that is allowed.
Tensors pull_back(const Tensor& y, std::span<const Tensor> xs, const Tensor& cotangent,
                  const DerivativeOptions& options) {
  if (!node_of(y)) {
    if (!options.allow_unused) fail<GraphError>("the function does not depend on any of its arguments");
    Tensors zeros;
    for (const Tensor& x : xs) zeros.push_back(Tensor::zeros(x.shape()));
    return zeros;
  }
  Tensors grads = grad({&y, 1}, xs, {&cotangent, 1},
                       {.create_graph = options.create_graph, .allow_unused = options.allow_unused});
  for (size_t i = 0; i < xs.size(); ++i)
    if (!grads[i].defined()) grads[i] = Tensor::zeros(xs[i].shape());
  return grads;
}

Tangents mode_of(const DerivativeOptions& options) {
  return options.create_graph ? Tangents::kRecorded : Tangents::kUnrecorded;
}

Tensors duals(const char* op, const JvpScope& scope, std::span<const Tensor> xs,
              std::span<const Tensor> tangents) {
  if (tangents.size() != xs.size())
    fail<ShapeError>("{}: {} tangents for {} arguments", op, tangents.size(), xs.size());
  Tensors out;
  out.reserve(xs.size());
  for (size_t i = 0; i < xs.size(); ++i)
    out.push_back(tangents[i].defined() ? scope.dual(xs[i], tangents[i]) : xs[i]);
  return out;
}

const Primitive kStraightThrough{
    .name = "straight_through",
    .forward = [](const Ctx& c) { return c[0]; },
    .vjp =
        [](const Ctx&, const Tensor& g) {
          return Grads{{}, g};
        },
    .jvp = [](const Ctx&, int i, const Tensor& t) { return i == 1 ? t : Tensor(); },
    .saves = kSaveNothing};

}  // namespace

ValueAndGrad value_and_grad(const Function& f, std::span<const Tensor> xs, const DerivativeOptions& options) {
  const Recording on(true);
  const Tensors inputs = arguments(xs, options);
  Tensor y = f(inputs);
  check_scalar("value_and_grad", y);
  Tensors grads = pull_back(y, inputs, Tensor(), options);
  return {options.create_graph ? std::move(y) : without_node(y), std::move(grads)};
}

Vjp vjp(const Function& f, std::span<const Tensor> xs, const Tensor& cotangent,
        const DerivativeOptions& options) {
  const Recording on(true);
  const Tensors inputs = arguments(xs, options);
  Tensor y = f(inputs);
  if (!(y.shape() == cotangent.shape()))
    fail<ShapeError>("vjp: cotangent of shape {} for an output of shape {}", cotangent.shape().str(),
                     y.shape().str());
  Tensors grads = pull_back(y, inputs, cotangent, options);
  return {options.create_graph ? std::move(y) : without_node(y), std::move(grads)};
}

Jvp jvp(const Function& f, std::span<const Tensor> xs, std::span<const Tensor> tangents,
        const DerivativeOptions& options) {
  const Recording mode(options.create_graph);
  const JvpScope scope(mode_of(options));
  const Tensor y = f(duals("jvp", scope, xs, tangents));
  return {scope.primal(y), scope.tangent(y)};
}

Hvp hvp(const Function& f, std::span<const Tensor> xs, std::span<const Tensor> vs,
        const DerivativeOptions& options) {
  const JvpScope scope(mode_of(options));
  const ValueAndGrad at = value_and_grad(f, duals("hvp", scope, xs, vs), options);
  Hvp out{scope.primal(at.value), {}, {}};
  for (const Tensor& g : at.grads) {
    out.grads.push_back(scope.primal(g));
    out.products.push_back(scope.tangent(g));
  }
  return out;
}

GgnVp ggn_vp(const Function& outputs, const std::function<Tensor(const Tensor&)>& loss,
             std::span<const Tensor> xs, std::span<const Tensor> vs) {
  const Recording on(true);
  Tensor z, jv;  // outputs, and J v from the same pass
  Tensors inputs;
  {
    const JvpScope scope(Tangents::kUnrecorded);
    for (const Tensor& x : xs) inputs.push_back(variable(x));
    const Tensor dual = outputs(duals("ggn_vp", scope, inputs, vs));
    z = scope.primal(dual);
    jv = scope.tangent(dual);
  }
  const Tensor at[] = {stop_gradient(z)}, direction[] = {jv};
  const Hvp at_outputs =
      hvp([&](std::span<const Tensor> zs) { return loss(zs[0]); }, at, direction, {.allow_unused = true});
  return {at_outputs.value, pull_back(z, inputs, at_outputs.products[0], {.allow_unused = true})};
}

Tensors jacobian(const Function& f, std::span<const Tensor> xs, JacobianMode mode) {
  const Recording on(true);
  const Tensors inputs = arguments(xs, {});
  const Tensor y = f(inputs);
  const int64 rows = y.numel(), columns = total_size(xs);
  const bool forward = mode == JacobianMode::kForward || (mode == JacobianMode::kCheapest && columns < rows);

  Tensors blocks;
  for (const Tensor& x : xs) {
    std::vector<int64> dims(y.shape().begin(), y.shape().end());
    dims.insert(dims.end(), x.shape().begin(), x.shape().end());
    blocks.push_back(Tensor::zeros(Shape(dims)));
  }
  if (!node_of(y)) return blocks;
  if (forward) {
    for (size_t i = 0; i < xs.size(); ++i) {
      const int64 n = xs[i].numel();
      real* block = blocks[i].mutable_data();
      for (int64 j = 0; j < n; ++j) {
        Tensors direction(xs.size());
        direction[i] = basis_vector(xs[i].shape(), j);
        const Tensor column = jvp(f, xs, direction).tangent;
        for (int64 r = 0; r < rows; ++r) block[r * n + j] = column.data()[r];
      }
    }
    return blocks;
  }
  for (int64 r = 0; r < rows; ++r) {
    const Tensor row = basis_vector(y.shape(), r);
    const Tensors grads = grad({&y, 1}, inputs, {&row, 1}, {.retain_graph = true, .allow_unused = true});
    for (size_t i = 0; i < xs.size(); ++i)
      if (grads[i].defined())
        std::copy_n(grads[i].data(), xs[i].numel(), blocks[i].mutable_data() + r * xs[i].numel());
  }
  return blocks;
}

Tensor hessian(const Function& f, std::span<const Tensor> xs) {
  const int64 n = total_size(xs);
  Tensor h({n, n});
  for (int64 j = 0; j < n; ++j) {
    const Tensors direction = unflatten(basis_vector({n}, j), xs);
    const Tensor column = flatten_all(hvp(f, xs, direction, {.allow_unused = true}).products);
    for (int64 i = 0; i < n; ++i) h.mutable_data()[i * n + j] = column.data()[i];
  }
  return h;
}

Tensor straight_through(const Tensor& forward_value, const Tensor& backward) {
  if (!(forward_value.shape() == backward.shape()))
    fail<ShapeError>("straight_through: value of shape {} for {}", forward_value.shape().str(),
                     backward.shape().str());
  return apply(kStraightThrough, {stop_gradient(forward_value), backward});
}

}  // namespace gradus
