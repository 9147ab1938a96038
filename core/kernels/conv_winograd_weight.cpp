// Weight gradient alone; together with the others: conv_winograd_grads.cpp.
#include "core/kernels/conv_winograd.h"
#include "core/kernels/conv_winograd_queue.h"
#include "core/kernels/partial_sums.h"

namespace gradus::kernels {

using namespace winograd;

Tensor conv2d_weight_grad_winograd(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                   const ConvSpec& spec) {
  Tensor dw(w_shape);
  const int64 images = x.dim(0), in = x.dim(1), h = x.dim(2), w = x.dim(3);
  const int64 out = g.dim(1), oh = g.dim(2), ow = g.dim(3);
  const Frame g_frame{0, 0, rounded_up(oh, kTile), rounded_up(ow, kTile)};
  const Frame x_frame{spec.pad_h, spec.pad_w, g_frame.height + 2, g_frame.width + 2};
  const real *px = x.data(), *pg = g.data();
  sum_in_parts(
      image_groups(images), 1, w_shape.numel(), dw.mutable_data(), [&](int64 begin, int64 end, real* sums) {
        LaneBuffer packed_x(in * x_frame.plane()), packed_g(out * g_frame.plane());
        clear_margins(x_frame, in, h, w, packed_x.data());
        clear_margins(g_frame, out, oh, ow, packed_g.data());
        Queue queue(in, out);
        for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
          const int64 here = std::min<int64>(kLanes, images - n);
          pack_images(px + n * in * h * w, in * h * w, here, in, h, w, x_frame, packed_x.data());
          pack_images(pg + n * out * oh * ow, out * oh * ow, here, out, oh, ow, g_frame, packed_g.data());
          queue.add_tiles(packed_x.data(), x_frame, packed_g.data(), g_frame, g_frame.height / kTile,
                          g_frame.width / kTile);
        }
        queue.flush();
        queue.add_to(sums);
      });
  return dw;
}

}  // namespace gradus::kernels
