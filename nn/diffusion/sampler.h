// From one noise level to the next: DDPM and DDIM.
//
// Papers: Ho, Jain, Abbeel, NeurIPS 2020, arXiv 2006.11239 (ddpm); Song, Meng, Ermon, "Denoising Diffusion Implicit Models", ICLR 2021,
//         arXiv 2010.02502 (ddim). With ab, ab' = alpha_bar here and at the next, less noisy level, eps = (x - a x0)/s:
//   ddim  sigma = eta sqrt((1-ab')/(1-ab)) sqrt(1 - ab/ab')
//         x' = sqrt(ab') x0 + sqrt(max(1 - ab' - sigma^2, 0)) eps + sigma noise
//   ddpm  alpha = ab/ab',  beta = 1 - alpha
//         mean = sqrt(ab') beta/(1-ab) x0 + sqrt(alpha) (1-ab')/(1-ab) x
//         x' = mean + std noise,  std^2 = beta (1-ab')/(1-ab) (fixed_small) or beta (fixed_large), 0 where ab' = 1
#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/options.h"
#include "core/tensor.h"
#include "nn/diffusion/noise_schedule.h"

namespace gradus {

/// x' of DDIM; noise may be undefined where eta is 0. Throws ShapeError.
Tensor ddim_step(const Tensor& x0, const Tensor& epsilon, const NoiseLevel& level, const NoiseLevel& next,
                 double eta = 0, const Tensor& noise = {});

struct DdpmStep {
  Tensor x_prev, mean;
  double std = 0;
};
/// Throws ShapeError.
DdpmStep ddpm_step(const Tensor& x, const Tensor& x0, const NoiseLevel& level, const NoiseLevel& next,
                   bool fixed_large, const Tensor& noise);

/// How samples are drawn: how many steps, and what each does with the noise-free estimate.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual int64 steps() const = 0;
  /// Half the range that estimates are kept in before each step; 0: they are left alone.
  virtual double clip() const = 0;
  /// Whether step() reads `noise`.
  virtual bool draws() const = 0;
  virtual Tensor step(const Tensor& x, const Tensor& x0, const NoiseLevel& level, const NoiseLevel& next,
                      const Tensor& noise) const = 0;
};
using SamplerPtr = std::unique_ptr<Sampler>;

/// One line of the table.
struct SamplerEntry {
  const char *name, *summary;
  std::vector<OptionInfo> (*options)();
  SamplerPtr (*make)(const OptionList& options);
};
std::span<const SamplerEntry> samplers();
/// "ddim:steps=25,eta=0". Throws UsageError for unknown names, options and values.
SamplerPtr make_sampler(const std::string& spec);

}  // namespace gradus
