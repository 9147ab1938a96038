// One thread's work in a Winograd convolution: weights transformed beforehand, then groups of images packed, and
// their tiles transformed, multiplied and transformed back a strip at a time. Internal to conv_winograd*.cpp.
// Several products may be taken of the same transformed tiles: that of a value and that of its tangent.
#pragma once

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

#include "core/kernels/conv_pack.h"
#include "core/kernels/lane_products.h"
#include "core/kernels/winograd_transforms.h"
#include "core/threads.h"

namespace gradus::kernels::winograd {

// What a thread works on at a time should stay in its second-level cache.
constexpr int64 kCacheVectors = 768 * 1024 / kVectorBytes;

struct Extents {
  int64 in, out, in_h, in_w, pad_h, pad_w;
  int64 out_h() const { return in_h + 2 * pad_h - 2; }
  int64 out_w() const { return in_w + 2 * pad_w - 2; }
  int64 blocks() const { return (out + kOutBlock - 1) / kOutBlock; }
  // Numbers of the transformed weights, and of those of one point.
  int64 weights() const { return kPoints * point_weights(); }
  int64 point_weights() const {
    return apart(rounded_up(blocks() * in * kOutBlock, kLanes) / kLanes) * kLanes;
  }
};

// As many outputs of a block as a vector holds.
constexpr int kOutLanes = std::min(kLanes, kOutBlock);
using OutLanes [[gnu::vector_size(kOutLanes * sizeof(real))]] = real;

// Nine weights of each output, output l's at rows[l], or null for an output that there is not.
inline void gather_weights(const real* const (&rows)[kOutLanes], OutLanes (&g)[9]) {
  static_assert(8 % kOutLanes == 0);  // eight of the nine by transposes
#pragma GCC unroll 8
  for (int k = 0; k < 8; k += kOutLanes) {
    OutLanes v[kOutLanes] = {};
#pragma GCC unroll 8
    for (int l = 0; l < kOutLanes; ++l)
      if (rows[l]) std::memcpy(&v[l], rows[l] + k, sizeof v[l]);
    transpose(v);
#pragma GCC unroll 8
    for (int l = 0; l < kOutLanes; ++l) g[k + l] = v[l];
  }
  g[8] = OutLanes{};
#pragma GCC unroll 8
  for (int l = 0; l < kOutLanes; ++l)
    if (rows[l]) g[8][l] = rows[l][8];
}

// Transformed weights, (point, block of outputs, input channel, output in the block); weight(o, c) points at
// nine numbers, which are taken backwards if `flip`.
template <class Weight>
inline void transform_weights(const Extents& e, const Weight& weight, bool flip, real* u) {
  const int64 next = e.point_weights();
  parallel_for(e.blocks(), std::max<int64>(1, 64 / e.in), [&](int64 begin, int64 end) {
    for (int64 block = begin; block < end; ++block)
      for (int64 c = 0; c < e.in; ++c)
        for (int64 first = 0; first < kOutBlock; first += kOutLanes) {
          const real* rows[kOutLanes];
          for (int64 l = 0; l < kOutLanes; ++l) {
            const int64 o = block * kOutBlock + first + l;
            rows[l] = o < e.out ? weight(o, c) : nullptr;
          }
          OutLanes g[9];
          gather_weights(rows, g);
          real* to = u + (block * e.in + c) * kOutBlock + first;
          both_ways<OutLanes, 3, 6>(
              filter<OutLanes>, [&](int i, int j) { return g[flip ? 8 - 3 * i - j : 3 * i + j]; },
              [=](int i, int j, const OutLanes& value) {
                std::memcpy(to + (6 * i + j) * next, &value, sizeof value);
              });
        }
  });
}

// Input channels first, first + 1, ... with transformed weights for them, u_point numbers a point, and a bias or null.
struct Product {
  const real *u, *bias;
  int64 first, count, u_point;
};

// One thread's pass over its image groups. With relu, the first product is cut at 0 and the others are 0 where it was.
class Pass {
 public:
  // The frame of the packed images is at least so high and wide.
  Pass(const Extents& e, std::vector<Product> products, bool relu, int64 least_height = 0,
       int64 least_width = 0)
      : e_(e),
        products_(std::move(products)),
        relu_(relu),
        tile_rows_((e.out_h() + kTile - 1) / kTile),
        tile_columns_((e.out_w() + kTile - 1) / kTile),
        frame_{e.pad_h, e.pad_w, std::max(tile_rows_ * kTile + 2, least_height),
               std::max(tile_columns_ * kTile + 2, least_width)},
        strip_(std::clamp<int64>(std::max(kCacheVectors / (2 * kPoints * e.in), int64{4}) / tile_columns_, 1,
                                 tile_rows_)),
        tiles_(strip_ * tile_columns_),
        chunk_(std::clamp<int64>((kCacheVectors - kPoints * e.in * tiles_) /
                                     (kPoints * kOutBlock * tiles_ * std::ssize(products_)),
                                 4, e.blocks())),
        v_point_(apart(e.in * tiles_)),
        m_point_(apart(chunk_ * kOutBlock * tiles_)),
        packed_(e.in * frame_.plane()),
        v_(kPoints * v_point_),
        m_(std::ssize(products_) * kPoints * m_point_),
        rows_(std::ssize(products_) * strip_ * kTile * e.out_w()) {
    clear_margins(frame_, e.in, e.in_h, e.in_w, packed_.data());
    for (int64 c = 0; c < e.in; ++c) offsets_.push_back(static_cast<std::int32_t>(c * tiles_));
  }

  const Frame& frame() const { return frame_; }
  // The framed images as they were packed last.
  const real* packed() { return packed_.data(); }

  // Takes the images at x, those pixels whose gate is 0 as 0, if there is one.
  void pack(const real* x, const real* gate, int64 images) { pack(x, gate, images, 0, e_.in); }
  // The same for channels first, ..., first + count - 1, which are all that x has.
  void pack(const real* x, const real* gate, int64 images, int64 first, int64 count) {
    pack_images(x, count * e_.in_h * e_.in_w, images, count, e_.in_h, e_.in_w, frame_,
                packed_.data() + first * frame_.plane() * kLanes, gate);
  }

  // y[i], what product i gives, at the first of the `images` packed images.
  void run(int64 images, std::initializer_list<real*> y) {
    for (int64 row = 0; row < tile_rows_; row += strip_) {
      const int64 rows = std::min(strip_, tile_rows_ - row);
      transform_input(row, rows);
      for (int64 block = 0; block < e_.blocks(); block += chunk_) {
        const int64 blocks = std::min(chunk_, e_.blocks() - block);
        for (size_t i = 0; i < products_.size(); ++i) multiply(i, block, blocks, rows * tile_columns_);
        for (int64 o = block * kOutBlock; o < std::min(e_.out, (block + blocks) * kOutBlock); ++o) {
          for (size_t i = 0; i < products_.size(); ++i)
            transform_output(i, o, o - block * kOutBlock, row, rows);
          hand_over(o, row, rows, images, y.begin());
        }
      }
    }
  }

 private:
  void transform_input(int64 row, int64 rows) {
    for (int64 c = 0; c < e_.in; ++c)
      for (int64 t = 0; t < rows * tile_columns_; ++t) {
        const int64 top = (row + t / tile_columns_) * kTile, left = t % tile_columns_ * kTile;
        const real* d = packed_.data() + (c * frame_.plane() + top * frame_.width + left) * kLanes;
        real* v = v_.data() + (c * tiles_ + t) * kLanes;
        const int64 line = frame_.width * kLanes, next = v_point_ * kLanes;
        both_ways<Lanes, 6, 6>(
            input<Lanes>, [=](int i, int j) { return load(d + i * line + j * kLanes); },
            [=](int i, int j, const Lanes& value) { store(v + (6 * i + j) * next, value); });
      }
  }

  void multiply(size_t i, int64 block, int64 blocks, int64 tiles) {
    const Product& p = products_[i];
    const real zero[kOutBlock] = {};
    for (int64 point = 0; point < kPoints; ++point)
      for (int64 b = 0; b < blocks; ++b)
        spread_row<kOutBlock>(p.u + point * p.u_point + (block + b) * p.count * kOutBlock,
                              offsets_.data() + p.first, p.count, v_.data() + point * v_point_ * kLanes,
                              kLanes, zero,
                              products(i) + (point * m_point_ + b * kOutBlock * tiles_) * kLanes, kLanes,
                              tiles_ * kLanes, tiles);
  }

  // Output channel o of product i, which stands at `at`, tile rows row...; with its bias.
  void transform_output(size_t i, int64 o, int64 at, int64 row, int64 rows) {
    const int64 out_h = e_.out_h(), out_w = e_.out_w();
    const Lanes bias = Lanes{} + (products_[i].bias ? products_[i].bias[o] : real{0});
    for (int64 t = 0; t < rows * tile_columns_; ++t) {
      const int64 top = t / tile_columns_ * kTile, left = t % tile_columns_ * kTile;
      const int64 height = std::min<int64>(kTile, out_h - row * kTile - top);
      const int64 width = std::min<int64>(kTile, out_w - left);
      const real* m = products(i) + (at * tiles_ + t) * kLanes;
      real* to = lines(i) + (top * out_w + left) * kLanes;
      const int64 next = m_point_ * kLanes;
      both_ways<Lanes, 6, 4>(
          output<Lanes>, [=](int r, int q) { return load(m + (6 * r + q) * next); },
          [=](int r, int q, const Lanes& value) {
            if (r < height && q < width) store(to + (r * out_w + q) * kLanes, value + bias);
          });
    }
  }

  // The lines of output channel o on to each y.
  void hand_over(int64 o, int64 row, int64 rows, int64 images, real* const* y) {
    const int64 first = row * kTile, count = std::min(rows * kTile, e_.out_h() - first) * e_.out_w();
    for (size_t i = 0; i < products_.size(); ++i) {
      if (relu_ && i > 0)
        for (int64 p = 0; p < count * kLanes; p += kLanes)
          store(lines(i) + p, load(lines(0) + p) <= Lanes{} ? Lanes{} : load(lines(i) + p));
      unpack_run(lines(i), count, relu_ && i == 0, images, y[i] + (o * e_.out_h() + first) * e_.out_w(),
                 e_.out * e_.out_h() * e_.out_w());
    }
  }

  // Where product i stands, and its lines of one output channel.
  real* products(size_t i) { return m_.data() + static_cast<int64>(i) * kPoints * m_point_ * kLanes; }
  real* lines(size_t i) {
    return rows_.data() + static_cast<int64>(i) * strip_ * kTile * e_.out_w() * kLanes;
  }

  const Extents& e_;
  std::vector<Product> products_;
  bool relu_;
  int64 tile_rows_, tile_columns_;
  Frame frame_;
  // Tile rows and tiles transformed together; blocks of outputs multiplied together.
  int64 strip_, tiles_, chunk_;
  int64 v_point_, m_point_;  // vectors from point to point
  LaneBuffer packed_, v_, m_, rows_;
  std::vector<std::int32_t> offsets_;
};

}  // namespace gradus::kernels::winograd
