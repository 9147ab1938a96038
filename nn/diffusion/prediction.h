// What a denoising network may predict, and how one prediction becomes another.
//
//   epsilon  the noise;  v = a noise - s x0 (Salimans, Ho, ICLR 2022, arXiv 2202.00512);  sample  x0 itself
//   x0 = (x - s epsilon)/a = a x - s v,  epsilon = (x - a x0)/s = s x + a v
// Nothing here is recorded for derivatives.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/options.h"
#include "core/tensor.h"
#include "nn/diffusion/noise_schedule.h"

namespace gradus {

enum class DenoiserOutput { kEpsilon, kV, kSample };
inline Limits prediction_choices() { return choices({"epsilon", "v", "sample"}); }
/// "epsilon", "v", "sample"; throws UsageError for another word.
DenoiserOutput prediction_of(const std::string& word);

struct Noised {
  Tensor x_t, v;  ///< (B,...)
};
/// x_t and v of x0 and noise (B,...) at level t[b] of sample b. Throws ShapeError, DataError for a level that is not there.
Noised q_sample(const Tensor& x0, const Tensor& noise, std::span<const int64> t,
                std::span<const double> alpha_bar);

struct ConvertedPrediction {
  Tensor x0, epsilon, v;  ///< (B,...)
};
/// All three from one, at alpha_bar[b] of sample b; x0 is kept within -+clip_range where that is given, epsilon and v follow
/// from what was kept. Throws ShapeError, DataError for an alpha_bar outside (0,1].
ConvertedPrediction convert_prediction(DenoiserOutput kind, const Tensor& output, const Tensor& x,
                                       std::span<const double> alpha_bar,
                                       std::optional<double> clip_range = {});

/// x0 alone, all samples at one level.
Tensor denoised_from(DenoiserOutput kind, const Tensor& output, const Tensor& x, const NoiseLevel& level);
/// (x - s epsilon)/a and (x - a x0)/s; 0 where there is no noise.
Tensor denoised_of(const Tensor& x, const Tensor& epsilon, const NoiseLevel& level);
Tensor noise_of(const Tensor& x, const Tensor& x0, const NoiseLevel& level);
/// p a + q b, elementwise. Throws ShapeError.
Tensor mix(double p, const Tensor& a, double q, const Tensor& b);
/// uncond + scale (cond - uncond): classifier-free guidance. Ho, Salimans, 2022, arXiv 2207.12598.
Tensor classifier_free(const Tensor& cond, const Tensor& uncond, double scale);

}  // namespace gradus
