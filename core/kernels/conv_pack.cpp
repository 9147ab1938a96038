#include "core/kernels/conv_pack.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

// Walks the pixels of consecutive planes in memory order and says where each stands in the frame.
class FrameCursor {
 public:
  FrameCursor(const Frame& frame, int64 h, int64 w, int64 plane_pixel)
      : frame_(frame), h_(h), w_(w), row_(plane_pixel % (h * w) / w), column_(plane_pixel % w) {
    at_ = plane_pixel / (h * w) * frame.plane() + (row_ + frame.top) * frame.width + column_ + frame.left;
  }
  int64 at() const { return at_; }
  void next() {
    ++at_;
    if (++column_ < w_) return;
    column_ = 0;
    at_ += frame_.width - w_;
    if (++row_ < h_) return;
    row_ = 0;
    at_ += (frame_.height - h_) * frame_.width;
  }

 private:
  const Frame& frame_;
  int64 h_, w_, row_, column_, at_;
};

// kLanes elements of an image; those that the gate closes are 0.
template <bool kGated>
inline Lanes load_gated(const real* x, const real* gate) {
  const Lanes v = load(x);
  if constexpr (kGated) return load(gate) != Lanes{} ? v : Lanes{};
  return v;
}

template <bool kGated>
void pack(const real* x, int64 image_stride, int64 images, int64 channels, int64 h, int64 w,
          const Frame& frame, real* packed, const real* gate) {
  const int64 count = channels * h * w, whole = count / kLanes * kLanes;
  FrameCursor cursor(frame, h, w, 0);
  for (int64 p = 0; p < whole; p += kLanes) {
    Lanes v[kLanes];
    if (images == kLanes) {
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l)
        v[l] = load_gated<kGated>(x + l * image_stride + p, gate + l * image_stride + p);
    } else {
      for (int l = 0; l < kLanes; ++l)
        v[l] =
            l < images ? load_gated<kGated>(x + l * image_stride + p, gate + l * image_stride + p) : Lanes{};
    }
    transpose(v);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i, cursor.next()) store(packed + cursor.at() * kLanes, v[i]);
  }
  for (int64 p = whole; p < count; ++p, cursor.next()) {
    real* to = packed + cursor.at() * kLanes;
    for (int64 l = 0; l < kLanes; ++l) {
      const bool open = l < images && (!kGated || gate[l * image_stride + p] != 0);
      to[l] = open ? x[l * image_stride + p] : real{0};
    }
  }
}

}  // namespace

void clear_margins(const Frame& frame, int64 channels, int64 h, int64 w, real* packed) {
  const auto clear = [](real* from, int64 vectors) { std::fill_n(from, vectors * kLanes, real{0}); };
  for (int64 c = 0; c < channels; ++c, packed += frame.plane() * kLanes) {
    // Behind the last pixel of each row come the right margin and the next row's left one.
    const int64 first = frame.top * frame.width + frame.left, gap = frame.width - w;
    clear(packed, first);
    for (int64 row = 1; row < h; ++row) clear(packed + (first + row * frame.width - gap) * kLanes, gap);
    const int64 end = h ? first + (h - 1) * frame.width + w : first;
    clear(packed + end * kLanes, frame.plane() - end);
  }
}

void pack_images(const real* x, int64 image_stride, int64 images, int64 channels, int64 h, int64 w,
                 const Frame& frame, real* packed, const real* gate) {
  if (gate)
    pack<true>(x, image_stride, images, channels, h, w, frame, packed, gate);
  else
    pack<false>(x, image_stride, images, channels, h, w, frame, packed, x);
}

real sum_lanes(const real* packed, int64 count) {
  // Few additions to any one number: kStretch vectors to four sums, kLong / kStretch of these to one, then doubles.
  constexpr int64 kStretch = 64, kLong = 64 * kStretch;
  double total = 0;
  for (int64 i = 0; i < count;) {
    Lanes all{};
    for (const int64 last = std::min(count, i + kLong); i < last;) {
      const int64 end = std::min(last, i + kStretch);
      Lanes sum[4] = {};
      for (; i + 4 <= end; i += 4)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) sum[j] += load(packed + (i + j) * kLanes);
      for (; i < end; ++i) sum[0] += load(packed + i * kLanes);
      all += (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    for (int l = 0; l < kLanes; ++l) total += static_cast<double>(all[l]);
  }
  return static_cast<real>(total);
}

void unpack_run(const real* packed, int64 count, bool relu, int64 images, real* y, int64 image_stride) {
  const Lanes zero{};
  const int64 whole = count / kLanes * kLanes;
  for (int64 p = 0; p < whole; p += kLanes) {
    Lanes v[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      const Lanes t = load(packed + (p + i) * kLanes);
      v[i] = relu ? (t <= zero ? zero : t) : t;  // NaN stays
    }
    transpose(v);
    if (images == kLanes) {
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) store(y + l * image_stride + p, v[l]);
    } else {
      for (int l = 0; l < images; ++l) store(y + l * image_stride + p, v[l]);
    }
  }
  for (int64 p = whole; p < count; ++p)
    for (int64 l = 0; l < images; ++l) {
      const real t = packed[p * kLanes + l];
      y[l * image_stride + p] = relu && t <= 0 ? real{0} : t;
    }
}

bool enough_images(int64 images) { return images * 5 >= image_groups(images) * kLanes * 2; }

}  // namespace gradus::kernels
