// What the experiments on guidance sample from: handwritten digits as a mixture of Gaussians, one a class, whose denoiser is exact, so
// that errors are of the sampling alone.
#pragma once

#include <memory>
#include <string>

#include "apps/papers/experiment.h"
#include "nn/diffusion/gaussian_oracle.h"
#include "nn/diffusion/sampling.h"

namespace gradus {

/// Images of 14x14 means in [-1,1] on the first principal directions, scaled to standard deviation 1 over all numbers.
class MixtureBench {
 public:
  /// From MNIST (a smoke run: the built-in digits); `schedule` as of NoiseScheduleOptions.
  MixtureBench(const Trial& trial, const std::string& schedule);

  struct Run {
    Sampled sampled;
    double relative_error = 0;  ///< mean |x - reference| / mean |reference|; 0 without a reference
  };
  /// Samples of classes in turn from the trial's noise.
  Run run(const std::string& guidance, int64 steps, const std::string& skip = "none",
          const Tensor& reference = {}) const;

  /// Share of samples that the mixture gives to the class asked for.
  double accuracy(const Tensor& x) const;
  /// To data not used for the fit.
  double frechet(const Tensor& x) const;
  double frechet_between(const Tensor& x, const Tensor& reference) const;
  double mean_norm(const Tensor& x) const;
  double data_norm() const { return mean_norm(held_); }
  /// Share of pixels whose size is beyond 1.05.
  double saturated(const Tensor& x) const;

 private:
  std::unique_ptr<GaussianOracle> oracle_;
  NoiseSchedule schedule_;
  Tensor held_, start_;         // (n,d), (B,d)
  IntTensor classes_;           // (B)
  Tensor directions_, centre_;  // (d,pixels), (pixels)
  double scale_ = 1;
  Rng rng_;
};

}  // namespace gradus
