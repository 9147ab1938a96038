// Factories for the common kinds of primitives. Each writes the vjp and the jvp once, from the little that
// tells one primitive of its kind from the next.
#pragma once

#include <utility>

#include "autograd/graph.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/scalar_math.h"
#include "autograd/ops/shape_ops.h"
#include "core/kernels/elementwise.h"

namespace gradus {

/// What the slope of an elementwise function is computed from, and so what is saved for it.
enum class From { kInput, kOutput, kBoth };

/// y = f(x, p), elementwise, with an attribute of type P (or none, P = void). `slope` is f' as a generic
/// lambda of x, y or both (as From says): compiled for numbers it makes the one-pass kernel
/// g * slope(...) of ordinary training, compiled for tensors it is differentiable, which serves every higher
/// order. Where g is 0 so is the product, be the slope infinite.
template <From from, class P = void, class F, class Slope>
Primitive unary(const char* name, F f, Slope slope) {
  const auto with_attr = [](const Ctx& c, auto h) {
    if constexpr (std::is_void_v<P>) {
      (void)c;
      return h;
    } else {
      return [h, p = c.attr<P>()](const auto&... v) { return h(v..., p); };
    }
  };
  const auto times_slope = [=](const Ctx& c, const Tensor& t) -> Tensor {
    const auto d = with_attr(c, slope);
    if constexpr (from == From::kBoth) {
      const Tensor &x = c[0], &y = c.out();
      if (differentiated(t) || differentiated(x) || differentiated(y)) return mul_or_zero(t, d(x, y));
      return kernels::zip(t, x, y, [d](real s, real u, real v) { return mul_or_zero(s, d(u, v)); });
    } else {
      const Tensor& v = from == From::kInput ? c[0] : c.out();
      if (differentiated(t) || differentiated(v)) return mul_or_zero(t, d(v));
      return kernels::zip(t, v, [d](real s, real u) { return mul_or_zero(s, d(u)); });
    }
  };
  return {.name = name,
          .forward = [=](const Ctx& c) { return kernels::map(c[0], with_attr(c, f)); },
          .vjp = [=](const Ctx& c, const Tensor& g) { return Grads{times_slope(c, g)}; },
          .jvp = [=](const Ctx& c, int, const Tensor& t) { return times_slope(c, t); },
          .saves = (from != From::kOutput ? save_input(0) : kSaveNothing) |
                   (from != From::kInput ? kSaveOutput : kSaveNothing)};
}

/// y = f(a, b), elementwise with broadcasting. `part(c, i, t)` is t * df/d(input i), broadcasting as it comes
/// (undefined: not differentiated in that input); an elementwise derivative is its own adjoint, so this one
/// function is the vjp and the jvp.
template <class F, class Part>
Primitive binary(const char* name, F f, Part part, Saves saves) {
  return {.name = name,
          .forward = [=](const Ctx& c) { return kernels::map(name, c[0], c[1], f); },
          .vjp =
              [=](const Ctx& c, const Tensor& g) {
                Grads grads(2);
                for (int i = 0; i < 2; ++i) {
                  if (!c.needs(i)) continue;
                  const Tensor t = part(c, i, g);
                  if (t.defined()) grads[static_cast<size_t>(i)] = sum_to(t, c.shape(i));
                }
                return grads;
              },
          .jvp = [=](const Ctx& c, int i, const Tensor& t) -> Tensor {
            const Tensor y = part(c, i, t);
            return y.defined() ? broadcast_to(y, broadcast(c.shape(0), c.shape(1), name)) : y;
          },
          .saves = saves};
}

/// y = A x for a linear A given by the attributes and the input's shape: `kernel(c)` computes A c[0] and
/// `adjoint(c, g)` computes A' g with differentiable operations; A is its own jvp.
template <class Kernel, class Adjoint>
Primitive linear_map(const char* name, Kernel kernel, Adjoint adjoint) {
  return {.name = name,
          .forward = kernel,
          .vjp = [=](const Ctx& c, const Tensor& g) { return Grads{adjoint(c, g)}; },
          .jvp = [](const Ctx& c, int, const Tensor& t) { return c.again({t}); },
          .saves = kSaveNothing};
}

/// y = B(a, b), linear in each of its two inputs: `adjoint(c, i, g)` is the gradient of input i.
template <class Kernel, class Adjoint>
Primitive bilinear(const char* name, Kernel kernel, Adjoint adjoint) {
  return {
      .name = name,
      .forward = kernel,
      .vjp =
          [=](const Ctx& c, const Tensor& g) {
            return Grads{c.needs(0) ? adjoint(c, 0, g) : Tensor(), c.needs(1) ? adjoint(c, 1, g) : Tensor()};
          },
      .jvp =
          [](const Ctx& c, int i, const Tensor& t) {
            return i == 0 ? c.again({t, c[1]}) : c.again({c[0], t});
          }};
}

}  // namespace gradus
