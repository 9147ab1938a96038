#include "apps/papers/diffusion/mixture_bench.h"

#include <algorithm>
#include <cmath>

#include "apps/papers/testtime/unit_images.h"
#include "core/linalg.h"
#include "core/linalg_wide.h"
#include "nn/diffusion/frechet_distance.h"

namespace gradus {
namespace {

constexpr int64 kDirections = 32;
constexpr double kRidge = 1e-3;

// Pixels in [-1,1].
PooledImages signed_images(const Dataset& set, int64 count) {
  PooledImages images = unit_images(set, count, std::max<int64>(set.info().example[1] / 14, 1));
  for (int64 i = 0; i < images.x.numel(); ++i) images.x.mutable_data()[i] = 2 * images.x.data()[i] - 1;
  return images;
}

// (n,p) minus its mean on the rows of `directions`, times `scale`.
Tensor coordinates(const Tensor& x, const Tensor& centre, const Tensor& directions, double scale) {
  Tensor centred(x.shape());
  for (int64 i = 0; i < x.numel(); ++i)
    centred.mutable_data()[i] = static_cast<real>(scale) * (x.data()[i] - centre.data()[i % centre.numel()]);
  return linalg::matmul(centred, directions, false, true);
}

}  // namespace

MixtureBench::MixtureBench(const Trial& trial, const std::string& schedule)
    : rng_(Rng(static_cast<std::uint64_t>(trial.seed)).fork("mixture")) {
  const Data data = trial.data("mnist:limit=8000,test_limit=2000");
  const PooledImages train = signed_images(*data.train, trial.quick ? 256 : 8000),
                     held = signed_images(*data.test, trial.quick ? 64 : 2000);
  const int64 n = train.x.dim(0), p = train.x.dim(1), d = std::min(kDirections, p),
              classes = data.info().classes;
  centre_ = Tensor::zeros({p});
  for (int64 i = 0; i < train.x.numel(); ++i)
    centre_.mutable_data()[i % p] += train.x.data()[i] / static_cast<real>(n);
  const Tensor centred = coordinates(train.x, centre_, linalg::identity(p), 1);
  const Tensor covariance = linalg::matmul(centred, centred, true);
  const std::vector<double> wide(covariance.data(), covariance.data() + p * p);
  const linalg::WideEigen eigen = linalg::eigh(wide, p);
  directions_ = Tensor({d, p});
  for (int64 k = 0; k < d; ++k)  // the largest come last
    for (int64 i = 0; i < p; ++i)
      directions_.mutable_data()[k * p + i] =
          static_cast<real>(eigen.vectors[static_cast<size_t>((p - 1 - k) * p + i)]);
  double square = 0;
  for (int64 k = 0; k < d; ++k) square += eigen.values[static_cast<size_t>(p - 1 - k)];
  scale_ = 1 / std::sqrt(square / static_cast<double>(n * d));
  const Tensor z = coordinates(train.x, centre_, directions_, scale_);
  held_ = coordinates(held.x, centre_, directions_, scale_);

  Tensor means = Tensor::zeros({classes, d}), spread = Tensor::zeros({classes, d, d}),
         priors = Tensor::zeros({classes});
  for (int64 i = 0; i < n; ++i) {
    priors.mutable_data()[train.labels[i]] += 1;
    for (int64 j = 0; j < d; ++j) means.mutable_data()[train.labels[i] * d + j] += z.data()[i * d + j];
  }
  for (int64 i = 0; i < means.numel(); ++i)
    means.mutable_data()[i] /= std::max(priors.data()[i / d], real(1));
  for (int64 i = 0; i < n; ++i) {
    const int64 c = train.labels[i];
    const real share = 1 / std::max(priors.data()[c] - 1, real(1));
    for (int64 j = 0; j < d; ++j)
      for (int64 k = 0; k < d; ++k)
        spread.mutable_data()[(c * d + j) * d + k] += share *
                                                      (z.data()[i * d + j] - means.data()[c * d + j]) *
                                                      (z.data()[i * d + k] - means.data()[c * d + k]);
  }
  for (int64 c = 0; c < classes; ++c)
    for (int64 j = 0; j < d; ++j) spread.mutable_data()[(c * d + j) * d + j] += static_cast<real>(kRidge);
  oracle_ = std::make_unique<GaussianOracle>(means, spread, priors);

  schedule_ = noise_schedule({.schedule = schedule});
  const int64 samples = trial.quick ? 20 : trial.tuning ? 300 : 600;
  Rng noise = rng_.fork("noise");
  start_ = noise.normal_tensor({samples, d});
  classes_ = IntTensor(Shape{samples});
  for (int64 i = 0; i < samples; ++i) classes_.mutable_data()[i] = i % classes;
}

MixtureBench::Run MixtureBench::run(const std::string& guidance, int64 steps, const std::string& skip,
                                    const Tensor& reference) const {
  const SamplerPtr ddim = make_sampler("ddim");
  const GuidancePtr guide = make_guidance(guidance);
  const SkipPolicyPtr policy = make_skip_policy(skip);
  const SamplingRequest request{*oracle_, *ddim, *guide, *policy, sampling_levels(schedule_, steps)};
  if (const int64 n = guide->rehearsals(); n > 0) {
    Rng noise = rng_.fork("rehearsal");
    IntTensor classes(Shape{n});
    for (int64 i = 0; i < n; ++i) classes.mutable_data()[i] = i % oracle_->classes();
    rehearse(request, noise.normal_tensor({n, oracle_->dim()}), classes);
  }
  Run run{sample(request, start_, classes_, rng_.fork("sampler"))};
  if (reference.defined()) {
    double gap = 0, size = 0;
    const int64 d = reference.dim(1);
    for (int64 b = 0; b < reference.dim(0); ++b) {
      double g = 0, s = 0;
      for (int64 i = b * d; i < (b + 1) * d; ++i) {
        const auto r = static_cast<double>(reference.data()[i]),
                   x = static_cast<double>(run.sampled.x.data()[i]);
        g += (x - r) * (x - r);
        s += r * r;
      }
      gap += std::sqrt(g);
      size += std::sqrt(s);
    }
    run.relative_error = gap / size;
  }
  return run;
}

double MixtureBench::accuracy(const Tensor& x) const {
  const Tensor posterior = oracle_->all(x, 1).posterior;
  const int64 classes = posterior.dim(1);
  int64 right = 0;
  for (int64 b = 0; b < x.dim(0); ++b) {
    const real* p = posterior.data() + b * classes;
    right += std::max_element(p, p + classes) - p == classes_[b];
  }
  return static_cast<double>(right) / static_cast<double>(x.dim(0));
}

double MixtureBench::frechet(const Tensor& x) const { return frechet_distance(x, held_); }
double MixtureBench::frechet_between(const Tensor& x, const Tensor& reference) const {
  return frechet_distance(x, reference);
}

double MixtureBench::mean_norm(const Tensor& x) const {
  double total = 0;
  for (int64 b = 0; b < x.dim(0); ++b) total += std::sqrt(row_dot(x, x, b));
  return total / static_cast<double>(x.dim(0));
}

double MixtureBench::saturated(const Tensor& x) const {
  const Tensor pixels = linalg::matmul(x, directions_);  // (B,p)
  int64 beyond = 0;
  for (int64 i = 0; i < pixels.numel(); ++i)
    beyond += std::abs(static_cast<double>(pixels.data()[i]) / scale_ +
                       static_cast<double>(centre_.data()[i % centre_.numel()])) > 1.05;
  return static_cast<double>(beyond) / static_cast<double>(pixels.numel());
}

}  // namespace gradus
