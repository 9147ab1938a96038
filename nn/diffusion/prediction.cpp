#include "nn/diffusion/prediction.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {
namespace {

void check_pair(const char* where, const Tensor& a, const Tensor& b, size_t rows) {
  if (!(a.shape() == b.shape()) || a.rank() < 1 || static_cast<size_t>(a.dim(0)) != rows)
    fail<ShapeError>("{}: {} and {}, with {} levels", where, a.shape().str(), b.shape().str(), rows);
}

void check_level(const char* where, double alpha_bar) {
  if (!(alpha_bar > 0 && alpha_bar <= 1))
    fail<DataError>("{}: alpha_bar {}, expected 0 < x <= 1", where, alpha_bar);
}

}  // namespace

DenoiserOutput prediction_of(const std::string& word) {
  if (word == "epsilon") return DenoiserOutput::kEpsilon;
  if (word == "v") return DenoiserOutput::kV;
  if (word == "sample") return DenoiserOutput::kSample;
  throw UsageError(unknown_name("prediction", word, {"epsilon", "v", "sample"}));
}

Tensor mix(double p, const Tensor& a, double q, const Tensor& b) {
  if (!(a.shape() == b.shape())) fail<ShapeError>("mix: {} and {}", a.shape().str(), b.shape().str());
  Tensor y(a.shape());
  real* to = y.mutable_data();
  const real *u = a.data(), *v = b.data();
  for (int64 i = 0; i < a.numel(); ++i)
    to[i] = static_cast<real>(p * static_cast<double>(u[i]) + q * static_cast<double>(v[i]));
  return y;
}

Noised q_sample(const Tensor& x0, const Tensor& noise, std::span<const int64> t,
                std::span<const double> alpha_bar) {
  check_pair("q_sample", x0, noise, t.size());
  Noised out{Tensor(x0.shape()), Tensor(x0.shape())};
  const int64 row = t.empty() ? 0 : x0.numel() / x0.dim(0);
  const real *clean = x0.data(), *n = noise.data();
  real *x_t = out.x_t.mutable_data(), *v = out.v.mutable_data();
  for (size_t b = 0; b < t.size(); ++b) {
    if (t[b] < 0 || t[b] >= std::ssize(alpha_bar))
      fail<DataError>("q_sample: level {} of sample {}, expected 0..{}", t[b], b, std::ssize(alpha_bar) - 1);
    const NoiseLevel level{t[b], alpha_bar[static_cast<size_t>(t[b])]};
    const auto a = static_cast<real>(level.a()), s = static_cast<real>(level.s());
    const int64 from = static_cast<int64>(b) * row;
    for (int64 i = from; i < from + row; ++i) {
      x_t[i] = a * clean[i] + s * n[i];
      v[i] = a * n[i] - s * clean[i];
    }
  }
  return out;
}

ConvertedPrediction convert_prediction(DenoiserOutput kind, const Tensor& output, const Tensor& x,
                                       std::span<const double> alpha_bar, std::optional<double> clip_range) {
  check_pair("convert_prediction", output, x, alpha_bar.size());
  ConvertedPrediction out{Tensor(x.shape()), Tensor(x.shape()), Tensor(x.shape())};
  const int64 row = alpha_bar.empty() ? 0 : x.numel() / x.dim(0);
  const real *predicted = output.data(), *noisy = x.data();
  real *x0 = out.x0.mutable_data(), *epsilon = out.epsilon.mutable_data(), *v = out.v.mutable_data();
  for (size_t b = 0; b < alpha_bar.size(); ++b) {
    check_level("convert_prediction", alpha_bar[b]);
    const NoiseLevel level{0, alpha_bar[b]};
    const double a = level.a(), s = level.s();
    const int64 from = static_cast<int64>(b) * row;
    for (int64 i = from; i < from + row; ++i) {
      const auto p = static_cast<double>(predicted[i]), z = static_cast<double>(noisy[i]);
      double clean = kind == DenoiserOutput::kEpsilon ? (z - s * p) / a
                     : kind == DenoiserOutput::kV     ? a * z - s * p
                                                      : p;
      if (clip_range) clean = std::clamp(clean, -*clip_range, *clip_range);
      const double noise = s > 0 ? (z - a * clean) / s : 0;
      x0[i] = static_cast<real>(clean);
      epsilon[i] = static_cast<real>(noise);
      v[i] = static_cast<real>(a * noise - s * clean);
    }
  }
  return out;
}

Tensor denoised_from(DenoiserOutput kind, const Tensor& output, const Tensor& x, const NoiseLevel& level) {
  check_level("denoised_from", level.alpha_bar);
  if (kind == DenoiserOutput::kSample) return output.detach();
  if (kind == DenoiserOutput::kV) return mix(level.a(), x, -level.s(), output);
  return denoised_of(x, output, level);
}

Tensor denoised_of(const Tensor& x, const Tensor& epsilon, const NoiseLevel& level) {
  check_level("denoised_of", level.alpha_bar);
  return mix(1 / level.a(), x, -level.s() / level.a(), epsilon);
}

Tensor noise_of(const Tensor& x, const Tensor& x0, const NoiseLevel& level) {
  const double s = level.s();
  if (s == 0) return Tensor::zeros(x.shape());
  return mix(1 / s, x, -level.a() / s, x0);
}

Tensor classifier_free(const Tensor& cond, const Tensor& uncond, double scale) {
  return mix(scale, cond, 1 - scale, uncond);
}

}  // namespace gradus
