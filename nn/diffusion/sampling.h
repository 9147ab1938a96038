// Drawing samples: a denoiser, a sampler, a guidance and a skip policy, in any combination.
//
// Each step asks the denoiser for those rows alone that guidance and skips leave: a row with its class, and without one where guidance
// reads that. Noise predictions of rows that are skipped are those of their last evaluation.
#pragma once

#include <functional>
#include <vector>

#include "core/rng.h"
#include "nn/diffusion/denoiser.h"
#include "nn/diffusion/guidance.h"
#include "nn/diffusion/sampler.h"
#include "nn/diffusion/step_skipping.h"

namespace gradus {

struct Sampled {
  Tensor x;                        ///< (B,...)
  IntTensor guided, computed;      ///< (N,B): read an estimate without a class; asked the denoiser
  std::vector<int64> evaluations;  ///< rows of the denoiser, by sample
  /// Mean over samples.
  double mean_evaluations() const;
};

struct SamplingRequest {
  Denoiser& denoiser;
  const Sampler& sampler;
  Guidance& guidance;
  SkipPolicy& skip;
  std::vector<NoiseLevel> levels;  ///< N, the noisiest first
  /// Called after each step with its number, the latents and the guided estimate.
  std::function<void(int64 step, const Tensor& x, const Tensor& x0)> watch = nullptr;
};
/// From noise x (B,...) and the class of each (B), -1: none. `rng` gives the sampler's noise, if it draws. Throws ShapeError.
Sampled sample(const SamplingRequest& request, const Tensor& x, const IntTensor& classes, Rng rng);

/// Lets a guidance see what it wants before its first use: trajectories of plain classifier-free guidance from this noise.
void rehearse(const SamplingRequest& request, const Tensor& x, const IntTensor& classes);

}  // namespace gradus
