// A Winograd convolution and its derivative along a direction in one pass: with [x, dx] as channels of one image,
//   y = x * w + b,   dy = x * dw + dx * w + db = [x, dx] * [dw, w] + db,
// so the tiles of x are transformed once for both, and the sum of dy is never written.
#include "core/kernels/conv_winograd.h"
#include "core/kernels/conv_winograd_pass.h"

namespace gradus::kernels {

using namespace winograd;

ConvDual conv2d_dual_winograd(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& dx,
                              const Tensor& dw, const Tensor& dbias, const ConvSpec& spec, bool relu) {
  const Shape shape = conv2d_shape(x.shape(), w.shape(), spec);
  ConvDual out{Tensor(shape), Tensor(shape)};
  const int64 images = x.dim(0), in = x.dim(1), moved = dx ? in : 0;
  const Extents e{in + moved, w.dim(0), x.dim(2), x.dim(3), spec.pad_h, spec.pad_w};
  // Of y: channels 0, ..., in - 1. Of dy: those of them and of dx whose weight is in the sum.
  Extents of_y = e, of_dy = e;
  of_y.in = in;
  of_dy.in = (dw ? in : 0) + moved;
  const real *pw = w.data(), *pdw = dw ? dw.data() : nullptr;
  Tensor transformed({of_y.weights() + of_dy.weights()});
  real *u = transformed.mutable_data(), *du = u + of_y.weights();
  transform_weights(
      of_y, [=](int64 o, int64 c) { return pw + (o * in + c) * 9; }, false, u);
  transform_weights(
      of_dy,
      [=](int64 o, int64 c) { return pdw && c < in ? pdw + (o * in + c) * 9 : pw + (o * in + c % in) * 9; },
      false, du);
  const real *px = x.data(), *pdx = dx ? dx.data() : nullptr;
  real *y = out.y.mutable_data(), *dy = out.dy.mutable_data();
  const Product value{u, bias ? bias.data() : nullptr, 0, in, of_y.point_weights()};
  const Product tangent{du, dbias ? dbias.data() : nullptr, dw ? 0 : in, of_dy.in, of_dy.point_weights()};
  const int64 x_image = in * e.in_h * e.in_w, y_image = e.out * e.out_h() * e.out_w();
  parallel_for(image_groups(images), 1, [&](int64 begin, int64 end) {
    Pass pass(e, {value, tangent}, relu);
    for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
      const int64 here = std::min<int64>(kLanes, images - n);
      pass.pack(px + n * x_image, nullptr, here, 0, in);
      if (pdx) pass.pack(pdx + n * x_image, nullptr, here, in, in);
      pass.run(here, {y + n * y_image, dy + n * y_image});
    }
  });
  return out;
}

}  // namespace gradus::kernels
