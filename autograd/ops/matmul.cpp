// Products of matrices. y = op(a) op(b) closes on itself: its gradients are products of the same kind.
#include "autograd/ops/matmul.h"

#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/linear.h"
#include "core/kernels/matmul.h"

namespace gradus {
namespace {

// With A = op(a), B = op(b): dA = G B', dB = A' G, and a transposed input gets the transpose of that.
// When b is one matrix and a is a stack, the stack is folded into rows first, so that no stack of
// gradients has to be summed.
Tensor matmul_adjoint(const Ctx& c, int i, const Tensor& g) {
  const auto [ta, tb] = c.attr<Transposed>();
  if (i == 0) return sum_to(ta ? matmul(c[1], g, tb, true) : matmul(g, c[1], false, !tb), c.shape(0));
  if (c.shape(1).rank() == 2 && c.shape(0).rank() > 2 && !ta) {
    const Tensor a = reshape(c[0], {-1, c.shape(0)[-1]}), rows = reshape(g, {-1, g.dim(-1)});
    return tb ? matmul(rows, a, true, false) : matmul(a, rows, true, false);
  }
  return sum_to(tb ? matmul(g, c[0], true, ta) : matmul(c[0], g, !ta, false), c.shape(1));
}
const Primitive kMatmul = bilinear(
    "matmul",
    [](const Ctx& c) { return kernels::matmul(c[0], c[1], c.attr<Transposed>().a, c.attr<Transposed>().b); },
    matmul_adjoint);

Tensor as_rows(const Tensor& t) { return reshape(t, {t.dim(-1) ? t.numel() / t.dim(-1) : 0, t.dim(-1)}); }

// For y = x w' + b with cotangent g: dx = g w, dw = g' x, db = column sums of g. The kernel finds all three in one pass.
Grads linear_kernel_vjp(const Ctx& c, const Tensor& g, kernels::Epilogue epilogue, const Tensor& state) {
  const kernels::LinearNeeds needs{c.needs(0), c.needs(1), c.inputs() == 3 && c.needs(2)};
  kernels::LinearGrads d = kernels::linear_grad(g, c[0], c[1], epilogue, state, needs);
  Grads grads{std::move(d.dx), std::move(d.dw)};
  if (c.inputs() == 3) grads.push_back(std::move(d.db));
  return grads;
}
bool plain(const Ctx& c, const Tensor& g) {
  return !differentiated(g) && !differentiated(c[0]) && !differentiated(c[1]);
}
Grads linear_vjp(const Ctx& c, const Tensor& g) {
  if (plain(c, g)) return linear_kernel_vjp(c, g, kernels::Epilogue::kNone, {});
  Grads grads(static_cast<size_t>(c.inputs()));
  if (c.needs(0)) grads[0] = reshape(matmul(as_rows(g), c[1]), c.shape(0));
  if (c.needs(1)) grads[1] = matmul(as_rows(g), as_rows(c[0]), true, false);
  if (c.inputs() == 3 && c.needs(2)) grads[2] = sum_to(as_rows(g), c.shape(2));
  return grads;
}
Tensor linear_jvp(const Ctx& c, int i, const Tensor& t) {
  if (i == 0) return linear(t, c[1]);
  if (i == 1) return linear(c[0], t);
  std::vector<int64> dims(c.shape(0).begin(), c.shape(0).end());
  dims.back() = t.dim(0);
  return broadcast_to(t, Shape(dims));
}

Dual linear_kernel_dual(const Ctx& c, std::span<const Tensor> t, kernels::Epilogue epilogue) {
  if (!t[0].defined() && !t[1].defined()) return {};
  const bool bias = c.inputs() == 3;
  const kernels::LinearDual d =
      kernels::linear_dual(c[0], c[1], bias ? c[2] : Tensor(), t[0], t[1], bias ? t[2] : Tensor(), epilogue);
  return {d.y, d.dy};
}

const Primitive kLinear{
    .name = "linear",
    .forward = [](const Ctx& c) { return kernels::linear(c[0], c[1], c.inputs() == 3 ? c[2] : Tensor()); },
    .vjp = linear_vjp,
    .jvp = linear_jvp,
    .saves = save_input(0) | save_input(1),
    .dual = [](const Ctx& c,
               std::span<const Tensor> t) { return linear_kernel_dual(c, t, kernels::Epilogue::kNone); }};

// relu's slope is locally constant, so gating the cotangent by out > 0 is differentiable to any order.
const Primitive kLinearRelu{
    .name = "linear_relu",
    .forward = [](const Ctx& c) { return kernels::linear(c[0], c[1], c[2], kernels::Epilogue::kRelu); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          if (plain(c, g) && !differentiated(c.out()))
            return linear_kernel_vjp(c, g, kernels::Epilogue::kRelu, c.out());
          return linear_vjp(c, masked(g, c.out()));
        },
    .jvp = [](const Ctx& c, int i, const Tensor& t) { return masked(linear_jvp(c, i, t), c.out()); },
    .saves = save_input(0) | save_input(1) | kSaveOutput,
    .dual = [](const Ctx& c,
               std::span<const Tensor> t) { return linear_kernel_dual(c, t, kernels::Epilogue::kRelu); }};

const Primitive kLinearGelu{
    .name = "linear_gelu",
    .forward =
        [](const Ctx& c) {
          Tensor slope;
          Tensor y =
              kernels::linear(c[0], c[1], c[2], kernels::Epilogue::kGelu, c.recording() ? &slope : nullptr);
          if (c.recording()) c.keep(slope);
          return y;
        },
    .vjp = [](const Ctx& c,
              const Tensor& g) { return linear_kernel_vjp(c, g, kernels::Epilogue::kGelu, c.kept(0)); },
    .composite = [](const Ctx& c) { return gelu(linear(c[0], c[1], c[2])); },
    .dual = [](const Ctx& c,
               std::span<const Tensor> t) { return linear_kernel_dual(c, t, kernels::Epilogue::kGelu); }};

Tensor rows_view(const Tensor& t) { return t.view({t.dim(-1) ? t.numel() / t.dim(-1) : 0, t.dim(-1)}); }

// Inputs x, W, A, B and perhaps the bias. With D = W + s B A, h = x A', k = g B:  dx = g D, dA = s k' x, dB = s g' h.
const Primitive kLinearLowRank{
    .name = "linear_low_rank",
    .forward =
        [](const Ctx& c) {
          const real s = c.attr<real>();
          const Tensor D = kernels::zip(kernels::matmul(c[3], c[2], false, false), c[1],
                                        [s](real product, real w) { return w + s * product; });
          if (c.recording()) c.keep(D);
          return kernels::linear(c[0], D, c.inputs() == 5 ? c[4] : Tensor());
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const real s = c.attr<real>();
          const bool bias = c.inputs() == 5 && c.needs(4);
          Grads grads(static_cast<size_t>(c.inputs()));
          if (c.needs(0) || c.needs(1) || bias) {
            kernels::LinearGrads d = kernels::linear_grad(g, c[0], c.kept(0), kernels::Epilogue::kNone, {},
                                                          {c.needs(0), c.needs(1), bias});
            grads[0] = std::move(d.dx);
            grads[1] = std::move(d.dw);
            if (bias) grads[4] = std::move(d.db);
          }
          const auto scaled = [s](const Tensor& t) { return kernels::map(t, [s](real v) { return s * v; }); };
          const Tensor x = rows_view(c[0]), rows = rows_view(g);
          if (c.needs(2))
            grads[2] = scaled(kernels::matmul(kernels::matmul(rows, c[3], false, false), x, true, false));
          if (c.needs(3))
            grads[3] = scaled(kernels::matmul(rows, kernels::matmul(x, c[2], false, true), true, false));
          return grads;
        },
    .composite =
        [](const Ctx& c) {
          return linear(c[0], c[1], c.inputs() == 5 ? c[4] : Tensor()) +
                 linear(linear(c[0], c[2]) * c.attr<real>(), c[3]);
        }};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  return apply(kMatmul, {a, b}, Attr::of(Transposed{transpose_a, transpose_b}));
}
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return bias.defined() ? apply(kLinear, {x, weight, bias}) : apply(kLinear, {x, weight});
}
Tensor linear_relu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return apply(kLinearRelu, {x, weight, bias});
}
Tensor linear_gelu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return apply(kLinearGelu, {x, weight, bias});
}

Tensor linear_low_rank(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& A,
                       const Tensor& B, real s) {
  if (weight.rank() != 2 || A.rank() != 2 || B.rank() != 2 || A.dim(1) != weight.dim(1) ||
      B.dim(0) != weight.dim(0) || A.dim(0) != B.dim(1))
    fail<ShapeError>("linear_low_rank: factors A {} and B {} do not fit a weight {}", A.shape().str(),
                     B.shape().str(), weight.shape().str());
  const Attr scale = Attr::of(s);
  return bias.defined() ? apply(kLinearLowRank, {x, weight, A, B, bias}, scale)
                        : apply(kLinearLowRank, {x, weight, A, B}, scale);
}

PrimitiveList matmul_primitives() {
  return {&kMatmul, &kLinear, &kLinearRelu, &kLinearGelu, &kLinearLowRank};
}

}  // namespace gradus
