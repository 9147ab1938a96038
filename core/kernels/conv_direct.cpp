#include "core/kernels/conv_direct.h"

#include <algorithm>

#include "core/kernels/conv_pack.h"
#include "core/kernels/lane_products.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

// out[o][r][q] = sum over channels c and taps of in[c][r*step + offset_h][q*step + offset_w] * w, one group.
struct Extents {
  int64 groups, in, out;           // channels a group
  int64 in_h, in_w, out_h, out_w;  // planes
  int64 step_h, step_w;            // of the input per output (of equal remainder)
  int64 phases_h, phases_w;        // remainders of the output
};

// The taps that outputs of one remainder along one axis meet: kernel index and input offset.
struct Tap {
  int64 kernel, offset;
};
using Taps = std::vector<Tap>;

// All remainders of one axis, with the frame before and the extent the input must be framed to.
struct Axis {
  std::vector<Taps> phases;
  int64 before = 0, extent = 0;
};

// Axis of a forward pass (one remainder) or an input gradient (`stride` remainders).
Axis make_axis(bool input_grad, int64 kernel, int64 stride, int64 pad, int64 dilation, int64 in, int64 out) {
  Axis axis;
  axis.phases.resize(static_cast<size_t>(input_grad ? stride : 1));
  int64 lowest = 0, highest = in - 1;
  for (size_t a = 0; a < axis.phases.size(); ++a) {
    const int64 phases = static_cast<int64>(axis.phases.size()), phase = static_cast<int64>(a);
    const int64 last =
        out > phase ? (out - 1 - phase) / phases : -1;  // index of the last output of this phase
    for (int64 k = 0; k < kernel; ++k) {
      int64 offset = k * dilation - pad;
      if (input_grad) {
        const int64 at = phase + pad - k * dilation;
        if (at % stride) continue;
        offset = at / stride;
      }
      if (last < 0) continue;
      axis.phases[a].push_back({k, offset});
      lowest = std::min(lowest, offset);
      highest = std::max(highest, offset + last * (input_grad ? 1 : stride));
    }
  }
  axis.before = -lowest;
  axis.extent = axis.before + highest + 1;
  return axis;
}

// The product for outputs of one pair of remainders: offsets into the framed input and packed weights, blocks of
// kOutBlock outputs (half that or one where there are few) one after the other.
struct Phase {
  std::vector<std::int32_t> offsets;
  std::vector<real> weights;
};

class Plan {
 public:
  // `weight(o, c, i, j)` reads the weight for output channel o (of all groups), input channel c (of the group).
  template <class Weight>
  Plan(const Extents& e, const Axis& rows, const Axis& columns, const Weight& weight)
      : e_(e), frame_{rows.before, columns.before, rows.extent, columns.extent} {
    block_ = e.out == 1 ? 1 : e.out <= kOutBlock / 2 ? kOutBlock / 2 : kOutBlock;
    blocks_ = (e.out + block_ - 1) / block_;
    for (const Taps& tr : rows.phases)
      for (const Taps& tc : columns.phases) {
        Phase phase;
        for (int64 c = 0; c < e.in; ++c)
          for (const Tap& i : tr)
            for (const Tap& j : tc)
              phase.offsets.push_back(static_cast<std::int32_t>(
                  c * frame_.plane() + (frame_.top + i.offset) * frame_.width + frame_.left + j.offset));
        phase.weights.reserve(static_cast<size_t>(e.groups * blocks_ * block_) * phase.offsets.size());
        for (int64 g = 0; g < e.groups; ++g)
          for (int64 block = 0; block < blocks_; ++block)
            for (int64 c = 0; c < e.in; ++c)
              for (const Tap& i : tr)
                for (const Tap& j : tc)
                  for (int64 o = block * block_; o < (block + 1) * block_; ++o)
                    phase.weights.push_back(o < e.out ? weight(g * e.out + o, c, i.kernel, j.kernel) : 0);
        phases_.push_back(std::move(phase));
      }
  }

  // All images.
  void run(const real* x, int64 images, const real* bias, bool relu, real* y) const {
    const int64 in_image = e_.groups * e_.in * e_.in_h * e_.in_w;
    const int64 out_image = e_.groups * e_.out * e_.out_h * e_.out_w;
    // Output rows computed before they are turned back: about as many as the second-level cache holds.
    const int64 strip = std::clamp<int64>(512 / std::max<int64>(1, e_.out_w) / e_.phases_h * e_.phases_h,
                                          e_.phases_h, std::max(e_.phases_h, e_.out_h));
    parallel_for(image_groups(images), 1, [&](int64 begin, int64 end) {
      LaneBuffer packed(e_.in * frame_.plane()), out(block_ * strip * e_.out_w);
      clear_margins(frame_, e_.in, e_.in_h, e_.in_w, packed.data());
      for (int64 n = begin * kLanes; n < std::min(images, end * kLanes); n += kLanes) {
        const int64 here = std::min<int64>(kLanes, images - n);
        for (int64 g = 0; g < e_.groups; ++g) {
          pack_images(x + n * in_image + g * e_.in * e_.in_h * e_.in_w, in_image, here, e_.in, e_.in_h,
                      e_.in_w, frame_, packed.data());
          for (int64 block = 0; block < blocks_; ++block) {
            real start[kOutBlock] = {};
            const int64 first = block * block_, outs = std::min(block_, e_.out - first);
            for (int64 o = 0; bias && o < outs; ++o) start[o] = bias[g * e_.out + first + o];
            for (int64 row = 0; row < e_.out_h; row += strip) {
              const int64 rows = std::min(strip, e_.out_h - row), plane = strip * e_.out_w * kLanes;
              for (int64 r = row; r < row + rows; ++r)
                one_row(g * blocks_ + block, r, packed.data(), start,
                        out.data() + (r - row) * e_.out_w * kLanes, plane);
              for (int64 o = 0; o < outs; ++o)
                unpack_run(out.data() + o * plane, rows * e_.out_w, relu, here,
                           y + n * out_image + ((g * e_.out + first + o) * e_.out_h + row) * e_.out_w,
                           out_image);
            }
          }
        }
      }
    });
  }

 private:
  void one_row(int64 block, int64 row, const real* x, const real* start, real* y, int64 y_plane) const {
    const real* line = x + row / e_.phases_h * e_.step_h * frame_.width * kLanes;
    for (int64 b = 0; b < std::min(e_.phases_w, e_.out_w); ++b) {
      const Phase& phase = phases_[static_cast<size_t>(row % e_.phases_h * e_.phases_w + b)];
      const auto k = static_cast<int64>(phase.offsets.size());
      const real* w = phase.weights.data() + block * block_ * k;
      const int64 pixels = (e_.out_w - b + e_.phases_w - 1) / e_.phases_w;
      const auto spread = block_ == 1           ? spread_row<1>
                          : block_ == kOutBlock ? spread_row<kOutBlock>
                                                : spread_row<kOutBlock / 2>;
      spread(w, phase.offsets.data(), k, line, e_.step_w * kLanes, start, y + b * kLanes,
             e_.phases_w * kLanes, y_plane, pixels);
    }
  }

  Extents e_;
  Frame frame_;
  int64 block_, blocks_;
  std::vector<Phase> phases_;
};

}  // namespace

Tensor conv2d_direct(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu) {
  Tensor y(conv2d_shape(x.shape(), w.shape(), spec));
  const int64 c = w.dim(1), kh = w.dim(2), kw = w.dim(3);
  const Extents e{spec.groups,
                  c,
                  w.dim(0) / spec.groups,
                  x.dim(2),
                  x.dim(3),
                  y.dim(2),
                  y.dim(3),
                  spec.stride_h,
                  spec.stride_w,
                  1,
                  1};
  const real* pw = w.data();
  const Plan plan(e, make_axis(false, kh, spec.stride_h, spec.pad_h, spec.dilation_h, e.in_h, e.out_h),
                  make_axis(false, kw, spec.stride_w, spec.pad_w, spec.dilation_w, e.in_w, e.out_w),
                  [=](int64 o, int64 ci, int64 i, int64 j) { return pw[((o * c + ci) * kh + i) * kw + j]; });
  plan.run(x.data(), x.dim(0), bias ? bias.data() : nullptr, relu, y.mutable_data());
  return y;
}

Tensor conv2d_input_grad_direct(const Tensor& g, const Tensor& w, const Shape& x_shape,
                                const ConvSpec& spec) {
  Tensor dx(x_shape);
  const int64 c = w.dim(1), o = w.dim(0) / spec.groups, kh = w.dim(2), kw = w.dim(3);
  const Extents e{spec.groups, o, c, g.dim(2),      g.dim(3),     x_shape[2],
                  x_shape[3],  1, 1, spec.stride_h, spec.stride_w};
  const real* pw = w.data();
  const Plan plan(e, make_axis(true, kh, spec.stride_h, spec.pad_h, spec.dilation_h, e.in_h, e.out_h),
                  make_axis(true, kw, spec.stride_w, spec.pad_w, spec.dilation_w, e.in_w, e.out_w),
                  [=](int64 ci, int64 oi, int64 i, int64 j) {  // ci counts the channels of all groups
                    return pw[((ci / c * o + oi) * c + ci % c) * kh * kw + i * kw + j];
                  });
  plan.run(g.data(), g.dim(0), nullptr, false, dx.mutable_data());
  return dx;
}

}  // namespace gradus::kernels
