// Convolution. conv2d, its input gradient and its weight gradient close on each other: with y = x * w all
// three are bilinear, and the gradients of each are the other two.
#include "autograd/ops/conv.h"

#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"

namespace gradus {
namespace {

const ConvSpec& spec(const Ctx& c) { return c.attr<Convolved>().spec; }

// All gradients at once by plain kernels, where nothing will be differentiated further; g counts where `gate` is not 0.
Grads conv_first_order(const Ctx& c, const Tensor& g, const Tensor& gate) {
  const bool bias = c.inputs() == 3 && c.needs(2);
  const kernels::ConvGrads d =
      kernels::conv2d_grads(g, c[0], c[1], gate, spec(c), {c.needs(0), c.needs(1), bias});
  Grads grads{d.dx, d.dw};
  if (c.inputs() == 3) grads.push_back(d.db);
  return grads;
}
bool conv_is_plain(const Ctx& c, const Tensor& g) {
  return !differentiated(g) && !differentiated(c[0]) && !differentiated(c[1]);
}

Grads conv_vjp(const Ctx& c, const Tensor& g) {
  if (conv_is_plain(c, g)) return conv_first_order(c, g, {});
  Grads grads(static_cast<size_t>(c.inputs()));
  if (c.needs(0)) grads[0] = conv2d_input_grad(g, c[1], c.shape(0), spec(c));
  if (c.needs(1)) grads[1] = conv2d_weight_grad(g, c[0], c.shape(1), spec(c));
  if (c.inputs() == 3 && c.needs(2)) grads[2] = sum(g, {0, 2, 3});
  return grads;
}
Tensor conv_jvp(const Ctx& c, int i, const Tensor& t) {
  if (i == 0) return conv2d(t, c[1], {}, spec(c));
  if (i == 1) return conv2d(c[0], t, {}, spec(c));
  return broadcast_to(reshape(t, {t.dim(0), 1, 1}), conv2d_shape(c.shape(0), c.shape(1), spec(c)));
}
Tensor bias_of(const Ctx& c) { return c.inputs() == 3 ? c[2] : Tensor(); }

Dual conv_dual(const Ctx& c, std::span<const Tensor> t, bool relu) {
  if (!t[0].defined() && !t[1].defined()) return {};
  const kernels::ConvDual d = kernels::conv2d_dual(c[0], c[1], bias_of(c), t[0], t[1],
                                                   c.inputs() == 3 ? t[2] : Tensor(), spec(c), relu);
  return {d.y, d.dy};
}

const Primitive kConv2d{
    .name = "conv2d",
    .forward = [](const Ctx& c) { return kernels::conv2d(c[0], c[1], bias_of(c), spec(c)); },
    .vjp = conv_vjp,
    .jvp = conv_jvp,
    .saves = save_input(0) | save_input(1),
    .dual = [](const Ctx& c, std::span<const Tensor> t) { return conv_dual(c, t, false); }};

// relu's slope is locally constant: gating by out > 0 is differentiable to any order.
const Primitive kConv2dRelu{
    .name = "conv2d_relu",
    .forward = [](const Ctx& c) { return kernels::conv2d(c[0], c[1], bias_of(c), spec(c), true); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          return conv_is_plain(c, g) && !differentiated(c.out()) ? conv_first_order(c, g, c.out())
                                                                 : conv_vjp(c, masked(g, c.out()));
        },
    .jvp = [](const Ctx& c, int i, const Tensor& t) { return masked(conv_jvp(c, i, t), c.out()); },
    .saves = save_input(0) | save_input(1) | kSaveOutput,
    .dual = [](const Ctx& c, std::span<const Tensor> t) { return conv_dual(c, t, true); }};

const Primitive kInputGrad = bilinear(
    "conv2d_input_grad",
    [](const Ctx& c) { return kernels::conv2d_input_grad(c[0], c[1], c.attr<Convolved>().other, spec(c)); },
    [](const Ctx& c, int i, const Tensor& u) {
      return i == 0 ? conv2d(u, c[1], {}, spec(c)) : conv2d_weight_grad(c[0], u, c.shape(1), spec(c));
    });

const Primitive kWeightGrad = bilinear(
    "conv2d_weight_grad",
    [](const Ctx& c) { return kernels::conv2d_weight_grad(c[0], c[1], c.attr<Convolved>().other, spec(c)); },
    [](const Ctx& c, int i, const Tensor& u) {
      return i == 0 ? conv2d(c[1], u, {}, spec(c)) : conv2d_input_grad(c[0], u, c.shape(1), spec(c));
    });

void check_output(const char* op, const Tensor& g, const Shape& x, const Shape& w, const ConvSpec& s) {
  if (const Shape y = conv2d_shape(x, w, s); !(y == g.shape()))
    fail<ShapeError>("{}: {} is not the output {} of x {} and weight {}", op, g.shape().str(), y.str(),
                     x.str(), w.str());
}

Tensor apply_conv(const Primitive& p, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const ConvSpec& spec) {
  conv2d_shape(x.shape(), weight.shape(), spec);
  if (!bias.defined()) return apply(p, {x, weight}, Attr::of(Convolved{spec, {}}));
  if (!(bias.shape() == Shape{weight.dim(0)}))
    fail<ShapeError>("{}: bias {} for weight {}", p.name, bias.shape().str(), weight.shape().str());
  return apply(p, {x, weight, bias}, Attr::of(Convolved{spec, {}}));
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvSpec& spec) {
  return apply_conv(kConv2d, x, weight, bias, spec);
}
Tensor conv2d_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvSpec& spec) {
  return apply_conv(kConv2dRelu, x, weight, bias, spec);
}
Tensor conv2d_input_grad(const Tensor& g, const Tensor& weight, const Shape& x_shape, const ConvSpec& spec) {
  check_output("conv2d_input_grad", g, x_shape, weight.shape(), spec);
  return apply(kInputGrad, {g, weight}, Attr::of(Convolved{spec, x_shape}));
}
Tensor conv2d_weight_grad(const Tensor& g, const Tensor& x, const Shape& weight_shape, const ConvSpec& spec) {
  check_output("conv2d_weight_grad", g, x.shape(), weight_shape, spec);
  return apply(kWeightGrad, {g, x}, Attr::of(Convolved{spec, weight_shape}));
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvSpec& spec,
                        int64 output_padding) {
  if (x.rank() != 4 || weight.rank() != 4 || x.dim(1) != weight.dim(0))
    fail<ShapeError>("conv_transpose2d: x {} with weight {}", x.shape().str(), weight.shape().str());
  const auto extent = [&](int axis, int64 stride, int64 pad, int64 dilation) {
    return (x.dim(axis) - 1) * stride - 2 * pad + dilation * (weight.dim(axis) - 1) + output_padding + 1;
  };
  const Shape out{x.dim(0), weight.dim(1) * spec.groups,
                  extent(2, spec.stride_h, spec.pad_h, spec.dilation_h),
                  extent(3, spec.stride_w, spec.pad_w, spec.dilation_w)};
  const Tensor y = conv2d_input_grad(x, weight, out, spec);
  return bias.defined() ? y + reshape(bias, {bias.numel(), 1, 1}) : y;
}

PrimitiveList conv_primitives() { return {&kConv2d, &kConv2dRelu, &kInputGrad, &kWeightGrad}; }

}  // namespace gradus
