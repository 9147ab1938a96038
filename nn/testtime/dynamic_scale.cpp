#include "nn/testtime/dynamic_scale.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr int64 kTaps = 9;

// Where the taps of all positions lie without their scale, and in which direction it moves them.
struct TapGrid {
  Tensor y, x;    // (B*h*w, 1)
  Tensor dy, dx;  // (1, 9)
};

TapGrid tap_grid(int64 batch, int64 h, int64 w) {
  TapGrid grid{Tensor({batch * h * w, 1}), Tensor({batch * h * w, 1}), Tensor({1, kTaps}),
               Tensor({1, kTaps})};
  real *y = grid.y.mutable_data(), *x = grid.x.mutable_data();
  for (int64 p = 0; p < batch * h * w; ++p) {
    y[p] = static_cast<real>(p / w % h);
    x[p] = static_cast<real>(p % w);
  }
  for (int64 k = 0; k < kTaps; ++k) {
    grid.dy.mutable_data()[k] = static_cast<real>(k / 3 - 1);
    grid.dx.mutable_data()[k] = static_cast<real>(k % 3 - 1);
  }
  return grid;
}

Tensor floor_of(const Tensor& t) {
  Tensor low(t.shape());
  real* out = low.mutable_data();
  for (int64 i = 0; i < t.numel(); ++i) out[i] = std::floor(t.data()[i]);
  return low;
}

}  // namespace

Tensor dynamic_scale_conv(const Tensor& features, const Tensor& log_scale, const Tensor& weight,
                          const Tensor& bias, const ScaleOptions& options) {
  const bool fits = features.rank() == 4 && log_scale.rank() == 3 && weight.rank() == 4 && bias.rank() == 1 &&
                    log_scale.shape() == Shape{features.dim(0), features.dim(2), features.dim(3)} &&
                    weight.shape() == Shape{bias.dim(0), features.dim(1), 3, 3};
  if (!fits)
    fail<ShapeError>("dynamic_scale_conv: features {}, log_scale {}, weight {}, bias {}",
                     features.shape().str(), log_scale.shape().str(), weight.shape().str(),
                     bias.shape().str());
  if (options.min_scale > options.max_scale)
    fail<UsageError>("dynamic_scale_conv: min_scale {} above max_scale {}", options.min_scale,
                     options.max_scale);
  const int64 batch = features.dim(0), channels = features.dim(1), h = features.dim(2), w = features.dim(3);
  const int64 positions = batch * h * w, outputs = weight.dim(0);
  const Tensor sigma = reshape(exp(clamp(log_scale, static_cast<real>(std::log(options.min_scale)),
                                         static_cast<real>(std::log(options.max_scale)))),
                               {positions, 1});
  const TapGrid grid = tap_grid(batch, h, w);
  const Tensor y = grid.y + sigma * grid.dy, x = grid.x + sigma * grid.dx;  // (B*h*w, 9)
  const Tensor low_y = floor_of(y), low_x = floor_of(x);
  const Tensor share_y = y - low_y, share_x = x - low_x;
  // One row a position, and a last one of zeros for what lies outside.
  const Tensor rows = concat(std::vector{reshape(permute(features, {0, 2, 3, 1}), {positions, channels}),
                                         Tensor::zeros({1, channels})},
                             0);
  Tensor sampled;
  for (int corner = 0; corner < 4; ++corner) {
    const int64 down = corner / 2, right = corner % 2;
    IntTensor index({positions * kTaps});
    int64* at = index.mutable_data();
    for (int64 i = 0; i < positions * kTaps; ++i) {
      const int64 row = static_cast<int64>(low_y.data()[i]) + down;
      const int64 column = static_cast<int64>(low_x.data()[i]) + right;
      const bool inside = row >= 0 && row < h && column >= 0 && column < w;
      at[i] = inside ? (i / kTaps / (h * w) * h + row) * w + column : positions;
    }
    const Tensor share = (down ? share_y : real(1) - share_y) * (right ? share_x : real(1) - share_x);
    const Tensor part = index_select(rows, 0, index) * reshape(share, {positions * kTaps, 1});
    sampled = sampled.defined() ? sampled + part : part;
  }
  const Tensor kernel = reshape(permute(weight, {0, 2, 3, 1}), {outputs, kTaps * channels});
  const Tensor out = linear(reshape(sampled, {positions, kTaps * channels}), kernel, bias);
  return permute(reshape(out, {batch, h, w, outputs}), {0, 3, 1, 2});
}

}  // namespace gradus
