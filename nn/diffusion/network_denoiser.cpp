#include "nn/diffusion/network_denoiser.h"

#include <algorithm>

#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/diffusion/guidance.h"
#include "nn/modes.h"

namespace gradus {

Tensor level_times(std::span<const int64> t, int64 num_train_steps) {
  Tensor times({std::ssize(t)});
  for (size_t i = 0; i < t.size(); ++i)
    times.mutable_data()[i] = static_cast<real>(t[i]) / static_cast<real>(num_train_steps);
  return times;
}

Tensor NetworkDenoiser::denoise(const Tensor& x, const NoiseLevel& level, const IntTensor& classes) {
  const Recording off(false);
  const ModeScope evaluation(model_, false);
  if (extra_.defined() && extra_.dim(0) != x.dim(0))
    fail<ShapeError>("denoise: {} images, conditions {}", x.dim(0), extra_.shape().str());
  Tensor out(x.shape());
  for (int64 from = 0; from < x.dim(0); from += batch_) {
    const int64 to = std::min(from + batch_, x.dim(0));
    const Tensor part = x.rows(from, to);
    Tensor seen = part;
    if (extra_.defined()) {
      const std::vector<Tensor> both = {part, extra_.rows(from, to)};
      seen = concat(both, 1);
    }
    Input input(seen);
    input.time = level_times(std::vector<int64>(static_cast<size_t>(to - from), level.t), num_train_steps_);
    input.classes = classes.rows(from, to);
    const Tensor x0 = denoised_from(prediction_, model_(input), part, level);
    std::copy_n(x0.data(), x0.numel(), out.mutable_data() + from * row_size(out));
  }
  return out;
}

}  // namespace gradus
