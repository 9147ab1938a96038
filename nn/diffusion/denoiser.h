// What samplers ask of a model: the image without its noise.
#pragma once

#include "core/tensor.h"
#include "nn/diffusion/noise_schedule.h"

namespace gradus {

class Denoiser {
 public:
  virtual ~Denoiser() = default;
  /// The noise-free estimates D of rows x (B,...) at one level, each given its class (B); -1: none.
  virtual Tensor denoise(const Tensor& x, const NoiseLevel& level, const IntTensor& classes) = 0;
};

}  // namespace gradus
