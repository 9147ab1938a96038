#include "core/kernels/conv.h"

#include <algorithm>

#include "core/error.h"
#include "core/kernels/conv_direct.h"
#include "core/kernels/conv_lowered.h"
#include "core/kernels/conv_pack.h"
#include "core/kernels/conv_pointwise.h"
#include "core/kernels/conv_winograd.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/reduce.h"

namespace gradus {
namespace {

int64 out_extent(int64 in, int64 kernel, int64 stride, int64 pad, int64 dilation) {
  return (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
}

void check(const Shape& got, const Shape& expected, const char* op, const char* what) {
  if (!(got == expected)) fail<ShapeError>("{}: {} is {}, expected {}", op, what, got.str(), expected.str());
}

// Whether one pass for dx and dw beats two: what it keeps, weights and their gradient at 36 points among it, must leave
// room in the second-level cache, and the more so where it saves no passes beside (README.md).
bool one_pass_pays(const Shape& w, bool saves_passes) { return w[0] * w[1] <= (saves_passes ? 2048 : 512); }

// The paths by shape alone, so that equal calls give equal results. Lanes hold images: with few of them most lanes
// would idle, and a lowered product by BLAS is better. Winograd's transforms pay from a few channels on. A 1x1 kernel
// needs neither.
enum class Path { kLowered, kDirect, kWinograd, kPointwise };
Path path_for(const Shape& x, const Shape& w, const ConvSpec& spec) {
  constexpr int64 kWinogradChannels = 8;
  if (kernels::pointwise_fits(x, w, spec)) return Path::kPointwise;
  if (!kernels::enough_images(x[0])) return Path::kLowered;
  return kernels::winograd_fits(w, spec) && std::min(w[0], w[1]) >= kWinogradChannels ? Path::kWinograd
                                                                                      : Path::kDirect;
}

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& w, const ConvSpec& spec) {
  const auto complain = [&](const char* why) {
    fail<ShapeError>(
        "conv2d: input {} and weight {} (stride {}x{}, pad {}x{}, dilation {}x{}, groups {}): {}", x.str(),
        w.str(), spec.stride_h, spec.stride_w, spec.pad_h, spec.pad_w, spec.dilation_h, spec.dilation_w,
        spec.groups, why);
  };
  if (x.rank() != 4 || w.rank() != 4) complain("both must have 4 axes, (N,C,H,W) and (O,C/groups,KH,KW)");
  if (spec.groups < 1 || spec.stride_h < 1 || spec.stride_w < 1 || spec.dilation_h < 1 ||
      spec.dilation_w < 1 || spec.pad_h < 0 || spec.pad_w < 0)
    complain("stride, dilation and groups must be at least 1, pad at least 0");
  if (x[1] % spec.groups || w[0] % spec.groups) complain("groups must divide both channel counts");
  if (x[1] / spec.groups != w[1]) complain("input channels per group do not match the weight");
  if (w[2] < 1 || w[3] < 1) complain("empty kernel");
  if (x[2] + 2 * spec.pad_h < spec.dilation_h * (w[2] - 1) + 1 ||
      x[3] + 2 * spec.pad_w < spec.dilation_w * (w[3] - 1) + 1)
    complain("the kernel is larger than the padded input");
  return {x[0], w[0], out_extent(x[2], w[2], spec.stride_h, spec.pad_h, spec.dilation_h),
          out_extent(x[3], w[3], spec.stride_w, spec.pad_w, spec.dilation_w)};
}

namespace kernels {

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu) {
  const Shape y_shape = conv2d_shape(x.shape(), w.shape(), spec);
  if (bias) check(bias.shape(), {y_shape[1]}, "conv2d", "bias");
  const auto path = path_for(x.shape(), w.shape(), spec);
  const auto run = path == Path::kLowered     ? conv2d_lowered
                   : path == Path::kDirect    ? conv2d_direct
                   : path == Path::kPointwise ? conv2d_pointwise
                                              : conv2d_winograd;
  return run(x, w, bias, spec, relu);
}

Tensor conv2d_input_grad(const Tensor& g, const Tensor& w, const Shape& x_shape, const ConvSpec& spec) {
  check(g.shape(), conv2d_shape(x_shape, w.shape(), spec), "conv2d_input_grad", "output gradient");
  const auto path = path_for(x_shape, w.shape(), spec);
  const auto run = path == Path::kLowered     ? conv2d_input_grad_lowered
                   : path == Path::kDirect    ? conv2d_input_grad_direct
                   : path == Path::kPointwise ? conv2d_input_grad_pointwise
                                              : conv2d_input_grad_winograd;
  return run(g, w, x_shape, spec);
}

Tensor conv2d_weight_grad(const Tensor& g, const Tensor& x, const Shape& w_shape, const ConvSpec& spec) {
  check(g.shape(), conv2d_shape(x.shape(), w_shape, spec), "conv2d_weight_grad", "output gradient");
  const auto path = path_for(x.shape(), w_shape, spec);
  const auto run = path == Path::kLowered     ? conv2d_weight_grad_lowered
                   : path == Path::kDirect    ? conv2d_weight_grad_direct
                   : path == Path::kPointwise ? conv2d_weight_grad_pointwise
                                              : conv2d_weight_grad_winograd;
  return run(g, x, w_shape, spec);
}

ConvDual conv2d_dual(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& dx, const Tensor& dw,
                     const Tensor& dbias, const ConvSpec& spec, bool relu) {
  const Shape y_shape = conv2d_shape(x.shape(), w.shape(), spec);
  if (bias) check(bias.shape(), {y_shape[1]}, "conv2d", "bias");
  if (dx) check(dx.shape(), x.shape(), "conv2d_dual", "direction of x");
  if (dw) check(dw.shape(), w.shape(), "conv2d_dual", "direction of w");
  if (dbias) check(dbias.shape(), {y_shape[1]}, "conv2d_dual", "direction of bias");
  if (path_for(x.shape(), w.shape(), spec) == Path::kWinograd)
    return conv2d_dual_winograd(x, w, bias, dx, dw, dbias, spec, relu);
  ConvDual d{conv2d(x, w, bias, spec, relu), dw ? conv2d(x, dw, dbias, spec) : conv2d(dx, w, dbias, spec)};
  const Tensor other = dx && dw ? conv2d(dx, w, {}, spec) : Tensor();
  const real *gates = relu ? d.y.data() : nullptr, *more = other ? other.data() : nullptr;
  real* dy = d.dy.mutable_data();
  if (gates || more)
    parallel_for(d.dy.numel(), kParallelGrain, [=](int64 begin, int64 end) {
      if (more)
        for (int64 i = begin; i < end; ++i) dy[i] += more[i];
      if (gates)
        for (int64 i = begin; i < end; ++i) dy[i] = gates[i] != 0 ? dy[i] : real{0};
    });
  return d;
}

ConvGrads conv2d_grads(const Tensor& g, const Tensor& x, const Tensor& w, const Tensor& gate,
                       const ConvSpec& spec, ConvNeeds needs) {
  const Shape y = conv2d_shape(x.shape(), w.shape(), spec);
  check(g.shape(), y, "conv2d_grads", "output gradient");
  if (gate) check(gate.shape(), y, "conv2d_grads", "gate");
  const auto path = path_for(x.shape(), w.shape(), spec);
  if (path == Path::kWinograd && needs.x && needs.w && one_pass_pays(w.shape(), gate.defined() || needs.bias))
    return conv2d_grads_winograd(g, x, w, gate, spec, needs.bias);
  if (path == Path::kDirect && !needs.x && needs.w)
    return conv2d_weight_grads_direct(g, x, w.shape(), gate, spec, needs.bias);
  const Tensor h = gate ? zip(g, gate, [](real v, real m) { return m != 0 ? v : real{0}; }) : g;
  ConvGrads d;
  if (needs.x) d.dx = conv2d_input_grad(h, w, x.shape(), spec);
  if (needs.w) d.dw = conv2d_weight_grad(h, x, w.shape(), spec);
  if (needs.bias) d.db = sum(h, axis_bit(0) | axis_bit(2) | axis_bit(3), {y[1]});
  return d;
}

}  // namespace kernels
}  // namespace gradus
