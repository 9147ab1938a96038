// All gradients of a Winograd convolution in one pass over the batch: the output gradient is packed once, gated by
// the ReLU behind the convolution on its way, and then serves dx, dw and db while it is in the cache.
#include <algorithm>
#include <vector>

#include "core/kernels/conv_winograd.h"
#include "core/kernels/conv_winograd_pass.h"
#include "core/kernels/conv_winograd_queue.h"
#include "core/kernels/partial_sums.h"

namespace gradus::kernels {

using namespace winograd;

ConvGrads conv2d_grads_winograd(const Tensor& g, const Tensor& x, const Tensor& w, const Tensor& gate,
                                const ConvSpec& spec, bool bias) {
  ConvGrads d{Tensor(x.shape()), Tensor(w.shape()), bias ? Tensor({w.dim(0)}) : Tensor()};
  const int64 images = x.dim(0), in = x.dim(1), h = x.dim(2), wide = x.dim(3);
  const int64 out = g.dim(1), oh = g.dim(2), ow = g.dim(3);
  // g is the input of the convolution that gives dx, and what the tiles of dw are taken from.
  const Extents e{out, in, oh, ow, 2 - spec.pad_h, 2 - spec.pad_w};
  const int64 rows = (oh + kTile - 1) / kTile, columns = (ow + kTile - 1) / kTile;
  const Frame x_frame{spec.pad_h, spec.pad_w, rows * kTile + 2, columns * kTile + 2};
  Tensor transformed({e.weights()}), sums({w.numel() + (bias ? out : 0)});
  real* u = transformed.mutable_data();
  const real* pw = w.data();
  transform_weights(
      e, [=](int64 c, int64 o) { return pw + (o * in + c) * 9; }, true, u);
  const real *px = x.data(), *pg = g.data(), *gates = gate ? gate.data() : nullptr;
  real* dx = d.dx.mutable_data();
  sum_in_parts(
      image_groups(images), 1, sums.numel(), sums.mutable_data(), [&](int64 begin, int64 end, real* mine) {
        Pass pass(e, {{u, nullptr, 0, e.in, e.point_weights()}}, false, e.pad_h + rows * kTile,
                  e.pad_w + columns * kTile);
        LaneBuffer packed_x(in * x_frame.plane());
        clear_margins(x_frame, in, h, wide, packed_x.data());
        Queue queue(in, out);
        std::vector<double> biases(static_cast<size_t>(bias ? out : 0), 0.0);
        for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
          const int64 here = std::min<int64>(kLanes, images - n), at = n * out * oh * ow;
          pass.pack(pg + at, gates ? gates + at : nullptr, here);
          for (int64 o = 0; bias && o < out; ++o)
            biases[static_cast<size_t>(o)] += static_cast<double>(
                sum_lanes(pass.packed() + o * pass.frame().plane() * kLanes, pass.frame().plane()));
          pack_images(px + n * in * h * wide, in * h * wide, here, in, h, wide, x_frame, packed_x.data());
          queue.add_tiles(
              packed_x.data(), x_frame,
              pass.packed() + (pass.frame().top * pass.frame().width + pass.frame().left) * kLanes,
              pass.frame(), rows, columns);
          pass.run(here, {dx + n * in * h * wide});
        }
        queue.flush();
        queue.add_to(mine);
        std::copy(biases.begin(), biases.end(), mine + w.numel());
      });
  std::copy_n(sums.data(), w.numel(), d.dw.mutable_data());
  if (bias) std::copy_n(sums.data() + w.numel(), out, d.db.mutable_data());
  return d;
}

}  // namespace gradus::kernels
