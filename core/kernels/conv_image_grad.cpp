#include "core/kernels/conv_image_grad.h"

#include <algorithm>

#include "core/kernels/conv_pack.h"
#include "core/kernels/conv_winograd.h"
#include "core/kernels/lane_products.h"
#include "core/kernels/winograd_transforms.h"

namespace gradus::kernels {
namespace {

using namespace winograd;

int64 vectors_for(int64 channels) { return (channels + kLanes - 1) / kLanes; }

// n <= kLanes numbers, zeros behind them.
Lanes load_part(const real* p, int64 n) {
  if (n == kLanes) return load(p);
  real v[kLanes] = {};
  std::copy_n(p, n, v);
  return load(v);
}

// Planes (C,H,W) to (pixel of the frame, channel), a pixel's channels taking `width` numbers, whole vectors; `out` is
// zero where nothing is written. With a gate, zero where that is zero.
void channels_last(const real* planes, const real* gate, int64 channels, int64 h, int64 w, const Frame& frame,
                   int64 width, real* out) {
  // Without gaps between the rows of the frame, a plane is one long row.
  const bool gapless = frame.width == w && frame.left == 0;
  const int64 rows = gapless ? 1 : h, length = gapless ? h * w : w;
  for (int64 c = 0; c < channels; c += kLanes) {
    const int64 here = std::min<int64>(kLanes, channels - c);
    for (int64 row = 0; row < rows; ++row)
      for (int64 p = 0; p < length; p += kLanes) {
        const int64 pixels = std::min<int64>(kLanes, length - p);
        Lanes v[kLanes] = {};
        for (int64 l = 0; l < here; ++l) {
          const int64 at = (c + l) * h * w + row * w + p;
          v[l] = load_part(planes + at, pixels);
          if (gate) v[l] = load_part(gate + at, pixels) != Lanes{} ? v[l] : Lanes{};
        }
        transpose(v);
        real* to = out + (((row + frame.top) * frame.width + frame.left) + p) * width + c;
        for (int64 i = 0; i < pixels; ++i) store(to + i * width, v[i]);
      }
  }
}

// The transforms of all tiles at all points: to[point][tile][channel], tiles kTile apart; F takes a tile of kIn x kIn.
template <int kIn, class F>
void transform_tiles(const F& f, const real* from, const Frame& frame, int64 tile_rows, int64 tile_columns,
                     int64 width, real* to) {
  const int64 line = frame.width * width, next = tile_rows * tile_columns * width;
  for (int64 t = 0; t < tile_rows * tile_columns; ++t) {
    const real* tile = from + (t / tile_columns * kTile * frame.width + t % tile_columns * kTile) * width;
    for (int64 c = 0; c < width; c += kLanes)
      both_ways<Lanes, kIn, kSpan>(
          f, [=](int i, int j) { return load(tile + i * line + j * width + c); },
          [=](int i, int j, const Lanes& v) { store(to + (kSpan * i + j) * next + t * width + c, v); });
  }
}

// sums[o][c] = sum over tiles of m[tile][o] * v[tile][c], kOutBlock outputs o and kColumns vectors c.
template <int kColumns>
void tile_product(const real* m, int64 m_width, const real* v, int64 v_width, int64 tiles, real* sums) {
  Lanes sum[kOutBlock][kColumns];
#pragma GCC unroll 8
  for (int o = 0; o < kOutBlock; ++o)
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) sum[o][c] = Lanes{};
  for (int64 t = 0; t < tiles; ++t) {
    Lanes x[kColumns];
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) x[c] = load(v + t * v_width + c * kLanes);
#pragma GCC unroll 8
    for (int o = 0; o < kOutBlock; ++o)
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) sum[o][c] += x[c] * m[t * m_width + o];
  }
#pragma GCC unroll 8
  for (int o = 0; o < kOutBlock; ++o)
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) store(sums + o * v_width + c * kLanes, sum[o][c]);
}

}  // namespace

bool image_weight_grad_fits(const Shape& w, const ConvSpec& spec) {
  constexpr int64 kFewest = 8;
  return winograd_fits(w, spec) && std::min(w[0], w[1]) >= kFewest;
}

void image_weight_grad(const real* g, const real* gate, const real* x, int64 h, int64 w, const Shape& w_shape,
                       const ConvSpec& spec, real* dw, bool add) {
  const int64 out = w_shape[0], in = w_shape[1], oh = h + 2 * spec.pad_h - 2, ow = w + 2 * spec.pad_w - 2;
  const int64 tile_rows = (oh + kTile - 1) / kTile, tile_columns = (ow + kTile - 1) / kTile;
  const int64 tiles = tile_rows * tile_columns;
  const Frame g_frame{0, 0, tile_rows * kTile, tile_columns * kTile};
  const Frame x_frame{spec.pad_h, spec.pad_w, g_frame.height + 2, g_frame.width + 2};
  const int64 in_vectors = vectors_for(in), in_width = in_vectors * kLanes;
  // Whole blocks of outputs, also where a vector is shorter than a block.
  const int64 out_blocks = (out + kOutBlock - 1) / kOutBlock;
  const int64 out_vectors = vectors_for(out_blocks * kOutBlock), out_width = out_vectors * kLanes;

  LaneBuffer pixels(std::max(x_frame.plane() * in_vectors, g_frame.plane() * out_vectors));
  LaneBuffer v(kPoints * tiles * in_vectors), m(kPoints * tiles * out_vectors);
  std::fill_n(pixels.data(), x_frame.plane() * in_width, real{0});
  channels_last(x, nullptr, in, h, w, x_frame, in_width, pixels.data());
  transform_tiles<kSpan>(input<Lanes>, pixels.data(), x_frame, tile_rows, tile_columns, in_width, v.data());
  std::fill_n(pixels.data(), g_frame.plane() * out_width, real{0});
  channels_last(g, gate, out, oh, ow, g_frame, out_width, pixels.data());
  transform_tiles<kTile>(output_adjoint<Lanes>, pixels.data(), g_frame, tile_rows, tile_columns, out_width,
                         m.data());

  // A vector more a point, so that the same element of all points does not fall into the same cache set.
  const int64 sums_point = out_width * in_width + kLanes;
  LaneBuffer sums(kPoints * sums_point / kLanes);
  // One width a call: with both in one loop GCC 12.2 gives wrong sums for three vectors of channels from -O2 on (with
  // the sanitizers at any level they are right, and nothing is reported).
  const int64 columns = in_vectors % 2 ? 1 : 2;
  const auto product = columns == 2 ? tile_product<2> : tile_product<1>;
  for (int64 point = 0; point < kPoints; ++point)
    for (int64 c = 0; c < in_vectors; c += columns)
      for (int64 o = 0; o < out; o += kOutBlock)
        product(m.data() + point * tiles * out_width + o, out_width,
                v.data() + point * tiles * in_width + c * kLanes, in_width, tiles,
                sums.data() + point * sums_point + o * in_width + c * kLanes);

  for (int64 o = 0; o < out; ++o)
    for (int64 c = 0; c < in; c += kLanes) {
      const real* at = sums.data() + o * in_width + c;
      real taps[9 * kLanes];
      both_ways<Lanes, kSpan, 3>(
          filter_adjoint<Lanes>, [=](int i, int j) { return load(at + (kSpan * i + j) * sums_point); },
          [&](int i, int j, const Lanes& value) { store(taps + (3 * i + j) * kLanes, value); });
      real* to = dw + (o * in + c) * 9;
      const int64 here = std::min<int64>(kLanes, in - c);
      for (int64 l = 0; l < here; ++l, to += 9)
        for (int64 k = 0; k < 9; ++k) to[k] = add ? to[k] + taps[k * kLanes + l] : taps[k * kLanes + l];
    }
}

}  // namespace gradus::kernels
