// The layout our fast convolutions work in: kLanes images side by side, image l in lane l, so that pixel
// (c,h,w) of all of them is one vector. Whatever the kernel, stride or channel count, neighbouring lanes then do
// the same work on aligned data and none is wasted at the edge of a plane. (N,C,H,W) is turned into it and back
// by transposing kLanes x kLanes blocks in registers.
#pragma once

#include <vector>

#include "core/kernels/lanes.h"
#include "core/scratch.h"
#include "core/tensor.h"

namespace gradus::kernels {

/// Planes of one group of images inside a zero frame: channel c, row h, column w of the image stands at vector
/// c*height*width + (h+top)*width + w+left.
struct Frame {
  int64 top = 0, left = 0, height = 0, width = 0;
  int64 plane() const { return height * width; }
};

/// Scratch memory of the calling thread, in vectors (core/scratch.h).
class LaneBuffer {
 public:
  explicit LaneBuffer(int64 vectors) : memory_(static_cast<std::size_t>(vectors * kVectorBytes)) {}
  real* data() { return static_cast<real*>(memory_.data()); }

 private:
  ScratchBlock memory_;
};

/// Zeros around planes of h x w in the frames of `channels` channels, which packing leaves as they are.
void clear_margins(const Frame& frame, int64 channels, int64 h, int64 w, real* packed);
/// `images` <= kLanes images of `channels` planes of h x w, the first at x, each `image_stride` elements after the
/// one before, into `packed` (channels * frame.plane() vectors), whose margins are zero already. Lanes beyond `images`
/// become 0, and elements whose `gate` (laid out as x, or null) is 0.
void pack_images(const real* x, int64 image_stride, int64 images, int64 channels, int64 h, int64 w,
                 const Frame& frame, real* packed, const real* gate = nullptr);
/// Sum over all lanes of `count` vectors.
real sum_lanes(const real* packed, int64 count);

/// `count` vectors to `count` consecutive elements of each of `images` images; relu on the way if asked.
void unpack_run(const real* packed, int64 count, bool relu, int64 images, real* y, int64 image_stride);

/// Groups of kLanes images.
inline int64 image_groups(int64 images) { return (images + kLanes - 1) / kLanes; }
/// Are enough lanes in use (two in five) for these kernels to pay? Does not depend on the number of threads, so
/// that results do not either.
bool enough_images(int64 images);

}  // namespace gradus::kernels
