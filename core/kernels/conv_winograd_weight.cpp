// Weight gradient by the adjoint of F(4x4, 3x3): tiles of input and output gradient are transformed into a queue
// of tiles; at each of the 36 points the queue then gives inner products of every output with every input
// channel, and only their sums over all tiles and images are transformed back.
#include <algorithm>

#include "core/kernels/conv_pack.h"
#include "core/kernels/conv_winograd.h"
#include "core/kernels/lane_products.h"
#include "core/kernels/partial_sums.h"
#include "core/kernels/winograd_transforms.h"

namespace gradus::kernels {
namespace {

using namespace winograd;

constexpr int64 kQueueVectors = 4 * 1024 * 1024 / kVectorBytes;

int64 rounded_up(int64 n, int64 step) { return (n + step - 1) / step * step; }

class Queue {
 public:
  // Channels rounded up to whole tiles of inner products; the planes added are never written and stay zero.
  Queue(int64 in, int64 out)
      : in_(rounded_up(in, kDotColumns)),
        out_(rounded_up(out, kDotRows)),
        capacity_(std::clamp<int64>(kQueueVectors / (kPoints * (in_ + out_)), 8, 64)),
        v_(kPoints * in_ * capacity_),
        m_(kPoints * out_ * capacity_),
        sums_(kPoints * in_ * out_ / kLanes) {
    std::fill_n(v_.data(), kPoints * in_ * capacity_ * kLanes, real{0});
    std::fill_n(m_.data(), kPoints * out_ * capacity_ * kLanes, real{0});
    std::fill_n(sums_.data(), kPoints * in_ * out_, real{0});
    for (int c = 0; c < kDotColumns; ++c) offsets_[c] = static_cast<std::int32_t>(c * capacity_);
  }

  // All tiles of one group of images: x framed to (in, x_frame), g to (out, g_frame).
  void add_tiles(const real* x, int64 in, const Frame& x_frame, const real* g, int64 out,
                 const Frame& g_frame) {
    const int64 columns = g_frame.width / kTile, tiles = g_frame.height / kTile * columns;
    for (int64 first = 0, n = 0; first < tiles; first += n) {
      n = std::min(tiles - first, capacity_ - filled_);
      for (int64 c = 0; c < in; ++c)
        for (int64 t = 0; t < n; ++t) {
          const int64 top = (first + t) / columns * kTile, left = (first + t) % columns * kTile;
          const real* d = x + (c * x_frame.plane() + top * x_frame.width + left) * kLanes;
          real* v = v_.data() + (c * capacity_ + filled_ + t) * kLanes;
          const int64 line = x_frame.width * kLanes, next = in_ * capacity_ * kLanes;
          both_ways<Lanes, 6, 6>(
              input<Lanes>, [=](int i, int j) { return load(d + i * line + j * kLanes); },
              [=](int i, int j, const Lanes& value) { store(v + (6 * i + j) * next, value); });
        }
      for (int64 o = 0; o < out; ++o)
        for (int64 t = 0; t < n; ++t) {
          const int64 top = (first + t) / columns * kTile, left = (first + t) % columns * kTile;
          const real* y = g + (o * g_frame.plane() + top * g_frame.width + left) * kLanes;
          real* m = m_.data() + (o * capacity_ + filled_ + t) * kLanes;
          const int64 line = g_frame.width * kLanes, next = out_ * capacity_ * kLanes;
          both_ways<Lanes, 4, 6>(
              output_adjoint<Lanes>, [=](int i, int j) { return load(y + i * line + j * kLanes); },
              [=](int i, int j, const Lanes& value) { store(m + (6 * i + j) * next, value); });
        }
      filled_ += n;
      if (filled_ == capacity_) flush();
    }
  }

  void flush() {
    real* sum = sums_.data();
    for (int64 point = 0; filled_ && point < kPoints; ++point)
      for (int64 r = 0; r < out_; r += kDotRows)
        for (int64 c = 0; c < in_; c += kDotColumns, sum += kLanes)
          store(sum,
                load(sum) + dot_tile(m_.data() + (point * out_ + r) * capacity_ * kLanes, capacity_ * kLanes,
                                     0, v_.data() + (point * in_ + c) * capacity_ * kLanes, offsets_, kLanes,
                                     0, 1, filled_));
    filled_ = 0;
  }

  // Adds G' sums G to dw (out, in, 3, 3).
  void add_to(int64 in, int64 out, real* dw) {
    const int64 tiles = in_ * out_ / kLanes;
    for (int64 tile = 0; tile < tiles; ++tile) {
      const int64 r0 = tile / (in_ / kDotColumns) * kDotRows, c0 = tile % (in_ / kDotColumns) * kDotColumns;
      const real* at = sums_.data() + tile * kLanes;
      Lanes g[9];
      both_ways<Lanes, 6, 3>(
          filter_adjoint<Lanes>, [=](int i, int j) { return load(at + (6 * i + j) * tiles * kLanes); },
          [&](int i, int j, const Lanes& value) { g[3 * i + j] = value; });
      for (int64 r = r0; r < std::min(out, r0 + kDotRows); ++r)
        for (int64 c = c0; c < std::min(in, c0 + kDotColumns); ++c)
          for (int k = 0; k < 9; ++k) dw[(r * in + c) * 9 + k] += g[k][(r - r0) * kDotColumns + c - c0];
    }
  }

 private:
  int64 in_, out_, capacity_, filled_ = 0;
  LaneBuffer v_, m_, sums_;
  std::int32_t offsets_[kDotColumns];
};

}  // namespace

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
        std::fill_n(packed_x.data(), in * x_frame.plane() * kLanes, real{0});
        std::fill_n(packed_g.data(), out * g_frame.plane() * kLanes, real{0});
        Queue queue(in, out);
        for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
          const int64 here = std::min<int64>(kLanes, images - n);
          pack_images(px + n * in * h * w, in * h * w, here, in, h, w, x_frame, packed_x.data());
          pack_images(pg + n * out * oh * ow, out * oh * ow, here, out, oh, ow, g_frame, packed_g.data());
          queue.add_tiles(packed_x.data(), in, x_frame, packed_g.data(), out, g_frame);
        }
        queue.flush();
        queue.add_to(in, out, sums);
      });
  return dw;
}

}  // namespace gradus::kernels
