// Weight gradient: dw[o][c][i][j] is the inner product, over pixels and images, of output gradient plane o with
// the input plane c shifted by the tap; lanes hold partial sums of different images.
#include <algorithm>
#include <vector>

#include "core/kernels/conv_direct.h"
#include "core/kernels/conv_pack.h"
#include "core/kernels/lane_products.h"
#include "core/kernels/partial_sums.h"

namespace gradus::kernels {

Tensor conv2d_weight_grad_direct(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                 const ConvSpec& spec) {
  return conv2d_weight_grads_direct(g, x, w_shape, {}, spec, false).dw;
}

ConvGrads conv2d_weight_grads_direct(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                     const Tensor& gate, const ConvSpec& spec, bool bias) {
  ConvGrads d{{}, Tensor(w_shape), bias ? Tensor({w_shape[0]}) : Tensor()};
  Tensor all({w_shape.numel() + (bias ? w_shape[0] : 0)});
  const int64 images = x.dim(0), h = x.dim(2), w = x.dim(3), oh = g.dim(2), ow = g.dim(3);
  const int64 c = w_shape[1], kh = w_shape[2], kw = w_shape[3], o = w_shape[0] / spec.groups;
  const Frame frame{spec.pad_h, spec.pad_w,
                    std::max(spec.pad_h + h, (oh - 1) * spec.stride_h + (kh - 1) * spec.dilation_h + 1),
                    std::max(spec.pad_w + w, (ow - 1) * spec.stride_w + (kw - 1) * spec.dilation_w + 1)};
  const Frame out_frame{0, 0, oh, ow};
  // (channel, tap) offsets, filled up to whole tiles with repetitions whose results are dropped.
  const int64 columns = c * kh * kw;
  std::vector<std::int32_t> offsets;
  for (int64 ci = 0; ci < c; ++ci)
    for (int64 i = 0; i < kh; ++i)
      for (int64 j = 0; j < kw; ++j)
        offsets.push_back(static_cast<std::int32_t>(ci * frame.plane() + i * spec.dilation_h * frame.width +
                                                    j * spec.dilation_w));
  while (offsets.size() % kDotColumns) offsets.push_back(offsets.back());
  const int64 out_rows = (o + kDotRows - 1) / kDotRows * kDotRows;
  const real *pg = g.data(), *px = x.data(), *gates = gate ? gate.data() : nullptr;
  sum_in_parts(
      image_groups(images), 1, all.numel(), all.mutable_data(), [&](int64 begin, int64 end, real* sums) {
        LaneBuffer packed_x(c * frame.plane()), packed_g(out_rows * oh * ow);
        std::vector<double> biases(static_cast<size_t>(bias ? w_shape[0] : 0), 0.0);
        clear_margins(frame, c, h, w, packed_x.data());
        std::fill_n(packed_g.data() + o * oh * ow * kLanes, (out_rows - o) * oh * ow * kLanes, real{0});
        for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
          const int64 here = std::min<int64>(kLanes, images - n);
          for (int64 group = 0; group < spec.groups; ++group) {
            pack_images(px + (n * spec.groups + group) * c * h * w, spec.groups * c * h * w, here, c, h, w,
                        frame, packed_x.data());
            const int64 at = (n * spec.groups + group) * o * oh * ow;
            pack_images(pg + at, spec.groups * o * oh * ow, here, o, oh, ow, out_frame, packed_g.data(),
                        gates ? gates + at : nullptr);
            for (int64 r = 0; bias && r < o; ++r)
              biases[static_cast<size_t>(group * o + r)] +=
                  static_cast<double>(sum_lanes(packed_g.data() + r * oh * ow * kLanes, oh * ow));
            for (int64 r0 = 0; r0 < o; r0 += kDotRows)
              for (int64 c0 = 0; c0 < columns; c0 += kDotColumns) {
                const Lanes tile =
                    dot_tile(packed_g.data() + r0 * oh * ow * kLanes, oh * ow * kLanes, ow * kLanes,
                             packed_x.data(), offsets.data() + c0, spec.stride_w * kLanes,
                             spec.stride_h * frame.width * kLanes, oh, ow);
                for (int64 r = 0; r < std::min<int64>(kDotRows, o - r0); ++r)
                  for (int64 k = 0; k < std::min<int64>(kDotColumns, columns - c0); ++k)
                    sums[(group * o + r0 + r) * columns + c0 + k] += tile[r * kDotColumns + k];
              }
          }
        }
        std::copy(biases.begin(), biases.end(), sums + w_shape.numel());
      });
  std::copy_n(all.data(), w_shape.numel(), d.dw.mutable_data());
  if (bias) std::copy_n(all.data() + w_shape.numel(), w_shape[0], d.db.mutable_data());
  return d;
}

}  // namespace gradus::kernels
