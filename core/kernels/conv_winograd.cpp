#include "core/kernels/conv_winograd.h"

#include <algorithm>

#include "core/kernels/conv_winograd_pass.h"

namespace gradus::kernels {
namespace {

using namespace winograd;

template <class Weight>
void convolve(const Extents& e, const Weight& weight, bool flip, const real* x, int64 images,
              const real* bias, bool relu, real* y) {
  Tensor transformed({e.weights()});
  real* u = transformed.mutable_data();
  transform_weights(e, weight, flip, u);
  parallel_for(image_groups(images), 1, [&](int64 begin, int64 end) {
    Pass pass(e, {{u, bias, 0, e.in, e.point_weights()}}, relu);
    for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
      const int64 here = std::min<int64>(kLanes, images - n);
      pass.pack(x + n * e.in * e.in_h * e.in_w, nullptr, here);
      pass.run(here, {y + n * e.out * e.out_h() * e.out_w()});
    }
  });
}

}  // namespace

bool winograd_fits(const Shape& w, const ConvSpec& s) {
  return w[2] == 3 && w[3] == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
         s.dilation_w == 1 && s.groups == 1 && s.pad_h <= 2 && s.pad_w <= 2;
}

Tensor conv2d_winograd(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec,
                       bool relu) {
  Tensor y(conv2d_shape(x.shape(), w.shape(), spec));
  const Extents e{x.dim(1), w.dim(0), x.dim(2), x.dim(3), spec.pad_h, spec.pad_w};
  const real* pw = w.data();
  convolve(
      e, [=](int64 o, int64 c) { return pw + (o * e.in + c) * 9; }, false, x.data(), x.dim(0),
      bias ? bias.data() : nullptr, relu, y.mutable_data());
  return y;
}

Tensor conv2d_input_grad_winograd(const Tensor& g, const Tensor& w, const Shape& x_shape,
                                  const ConvSpec& spec) {
  Tensor dx(x_shape);
  const Extents e{g.dim(1), x_shape[1], g.dim(2), g.dim(3), 2 - spec.pad_h, 2 - spec.pad_w};
  const real* pw = w.data();
  convolve(
      e, [=](int64 c, int64 o) { return pw + (o * e.out + c) * 9; }, true, g.data(), g.dim(0), nullptr, false,
      dx.mutable_data());
  return dx;
}

}  // namespace gradus::kernels
