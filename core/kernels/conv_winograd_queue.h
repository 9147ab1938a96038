// Weight gradient by the adjoint of F(4x4, 3x3): tiles of input and output gradient are transformed into a queue of
// tiles; at each of the 36 points the queue then gives the product (outputs x tiles and images) times (tiles and
// images x inputs), and only its sum over the whole batch is transformed back. The input's tiles are transposed on
// their way into the queue, so that lanes hold channels there and no sum runs across lanes. Internal to
// conv_winograd*.cpp.
#pragma once

#include <algorithm>

#include "core/kernels/conv_pack.h"
#include "core/kernels/lane_products.h"
#include "core/kernels/winograd_transforms.h"

namespace gradus::kernels::winograd {

// Vectors a queue should not exceed, to stay near the processor.
constexpr int64 kQueueVectors = 768 * 1024 / kVectorBytes;

class Queue {
 public:
  // Channels are rounded up to whole vectors and blocks; what is added stays zero.
  Queue(int64 in, int64 out)
      : in_(in),
        out_(out),
        in_blocks_((in + kLanes - 1) / kLanes),
        out_rows_(rounded_up(out, kOutBlock)),
        capacity_(std::clamp<int64>(kQueueVectors / (kPoints * (in_blocks_ * kLanes + out_rows_)), 4, 32)),
        v_point_(apart(in_blocks_ * capacity_ * kLanes) * kLanes),
        m_point_(apart(out_rows_ * capacity_) * kLanes),
        sums_point_(apart(out_rows_ * in_blocks_) * kLanes),
        v_(kPoints * v_point_ / kLanes),
        m_(kPoints * m_point_ / kLanes),
        sums_(kPoints * sums_point_ / kLanes) {
    for (int64 point = 0; point < kPoints; ++point)
      std::fill_n(m_.data() + point * m_point_ + out * capacity_ * kLanes,
                  (out_rows_ - out) * capacity_ * kLanes, real{0});
  }

  // All tiles, rows x columns of them, of one group of images: x framed to (in, x_frame), g to (out, g_frame), where
  // g points at its first pixel and zeros follow up to whole tiles.
  void add_tiles(const real* x, const Frame& x_frame, const real* g, const Frame& g_frame, int64 rows,
                 int64 columns) {
    const int64 tiles = rows * columns;
    for (int64 t = 0; t < tiles; ++t) {
      const int64 top = t / columns * kTile, left = t % columns * kTile;
      for (int64 block = 0; block < in_blocks_; ++block)
        add_input(x + (top * x_frame.width + left) * kLanes, x_frame, block);
      for (int64 o = 0; o < out_; ++o) {
        const real* y = g + (o * g_frame.plane() + top * g_frame.width + left) * kLanes;
        real* m = m_.data() + (o * capacity_ + filled_) * kLanes;
        const int64 line = g_frame.width * kLanes, next = m_point_;
        both_ways<Lanes, 4, 6>(
            output_adjoint<Lanes>, [=](int i, int j) { return load(y + i * line + j * kLanes); },
            [=](int i, int j, const Lanes& value) { store(m + (6 * i + j) * next, value); });
      }
      if (++filled_ == capacity_) flush();
    }
  }

  void flush() {
    const int64 plane = capacity_ * kLanes, row = in_blocks_ * kLanes;
    for (int64 point = 0; filled_ && point < kPoints; ++point)
      for (int64 block = 0; block < in_blocks_;) {
        const int64 left = in_blocks_ - block, blocks = left >= kWide            ? kWide
                                                        : left >= 2 && kWide > 1 ? 2
                                                                                 : 1;
        const auto product = blocks == kWide ? outer_product<kWide>
                             : blocks == 2   ? outer_product<2>
                                             : outer_product<1>;
        for (int64 o = 0; o < out_rows_; o += kOutBlock)
          product(m_.data() + point * m_point_ + o * plane, plane,
                  v_.data() + point * v_point_ + block * plane * kLanes, plane, filled_ * kLanes,
                  sums_.data() + point * sums_point_ + o * row + block * kLanes, row, summed_);
        block += blocks;
      }
    summed_ = summed_ || filled_;
    filled_ = 0;
  }

  // Adds G' sums G to dw (out, in, 3, 3), if there were any tiles.
  void add_to(real* dw) {
    if (!summed_) return;
    const int64 next = sums_point_;
    for (int64 o = 0; o < out_; ++o)
      for (int64 block = 0; block < in_blocks_; ++block) {
        const real* at = sums_.data() + (o * in_blocks_ + block) * kLanes;
        Lanes g[kLanes < 9 ? 9 : kLanes] = {};
        both_ways<Lanes, 6, 3>(
            filter_adjoint<Lanes>, [=](int i, int j) { return load(at + (6 * i + j) * next); },
            [&](int i, int j, const Lanes& value) { g[3 * i + j] = value; });
        const int64 first = block * kLanes, count = std::min<int64>(kLanes, in_ - first);
        real* to = dw + (o * in_ + first) * 9;
        if constexpr (kLanes > 9) {
          // Nine numbers a channel, and zeros to what stands behind them.
          transpose(g);
          const real* const last = dw + out_ * in_ * 9 - kLanes;
          for (int64 c = 0; c < count; ++c, to += 9) {
            if (to <= last)
              store(to, load(to) + g[c]);
            else
              for (int k = 0; k < 9; ++k) to[k] += g[c][k];
          }
        } else {
          for (int64 c = 0; c < count; ++c, to += 9)
            for (int k = 0; k < 9; ++k) to[k] += g[k][c];
        }
      }
  }

 private:
  static constexpr int kWide = kPixelBlock<kOutBlock>;

  // kLanes channels of one tile, the first row and column of its frame at `tile`.
  void add_input(const real* tile, const Frame& frame, int64 block) {
    Lanes points[kPoints][kLanes];
    const int64 line = frame.width * kLanes, channels = std::min<int64>(kLanes, in_ - block * kLanes);
    for (int64 c = channels; c < kLanes; ++c)
      for (auto& point : points) point[c] = Lanes{};
    for (int64 c = 0; c < channels; ++c) {
      const real* d = tile + (block * kLanes + c) * frame.plane() * kLanes;
      both_ways<Lanes, 6, 6>(
          input<Lanes>, [=](int i, int j) { return load(d + i * line + j * kLanes); },
          [&](int i, int j, const Lanes& value) { points[6 * i + j][c] = value; });
    }
    for (int64 point = 0; point < kPoints; ++point) {
      transpose(points[point]);
      real* v = v_.data() + point * v_point_ + (block * capacity_ + filled_) * kLanes * kLanes;
      for (int l = 0; l < kLanes; ++l) store(v + l * kLanes, points[point][l]);
    }
  }

  int64 in_, out_, in_blocks_, out_rows_, capacity_, filled_ = 0;
  int64 v_point_, m_point_, sums_point_;  // numbers from point to point
  bool summed_ = false;                   // whether the sums have begun
  LaneBuffer v_, m_, sums_;
};

}  // namespace gradus::kernels::winograd
