#include "optim/bilevel/metagradient_descent.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

void check_same(const char* op, const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) fail<ShapeError>("{}: {} with {}", op, a.shape().str(), b.shape().str());
}

}  // namespace

double metasmoothness(const Tensor& theta_0, const Tensor& theta_h, const Tensor& theta_2h) {
  check_same("metasmoothness", theta_0, theta_h);
  check_same("metasmoothness", theta_0, theta_2h);
  double weighted = 0, total = 0;
  for (int64 j = 0; j < theta_0.numel(); ++j) {
    const double a = static_cast<double>(theta_0.data()[j]), b = static_cast<double>(theta_h.data()[j]),
                 c = static_cast<double>(theta_2h.data()[j]);
    const double d = std::abs(c - a);
    weighted += d * sign_of(b - a) * sign_of(c - b);
    total += d;
  }
  return total == 0 ? 1 : weighted / total;
}

Tensor interpolate_keypoints(const Tensor& keypoints, int64 steps) {
  if (keypoints.rank() != 1 || keypoints.numel() < 1 || steps < 1)
    fail<UsageError>("interpolate_keypoints: keypoints of shape {} for {} steps", keypoints.shape().str(),
                     steps);
  const int64 k = keypoints.numel();
  IntTensor low({steps}), high({steps});
  Tensor share({steps});
  for (int64 t = 0; t < steps; ++t) {
    // Step t sits at t*(K-1)/(T-1) on the axis of keypoints.
    const int64 above = t * (k - 1), unit = std::max<int64>(steps - 1, 1);
    const int64 at = std::clamp<int64>(above / unit, 0, std::max<int64>(k - 2, 0));
    low.mutable_data()[t] = at;
    high.mutable_data()[t] = std::min(at + 1, k - 1);
    share.mutable_data()[t] =
        static_cast<real>(static_cast<double>(above - at * unit) / static_cast<double>(unit));
  }
  const Tensor from = index_select(keypoints, 0, low), to = index_select(keypoints, 0, high);
  return (real(1) - share) * from + share * to;
}

Tensor metagradient_step(const Tensor& z, const Tensor& g, double step_size, bool normalised) {
  check_same("metagradient_step", z, g);
  double square = 0;
  for (const real x : g.span()) square += static_cast<double>(x) * static_cast<double>(x);
  const double length = square > 0 ? std::sqrt(square) : 1;
  Tensor next(z.shape());
  for (int64 i = 0; i < z.numel(); ++i) {
    const double gi = static_cast<double>(g.data()[i]);
    const double direction = normalised ? gi / length : sign_of(gi);
    next.mutable_data()[i] =
        static_cast<real>(std::max(0.0, static_cast<double>(z.data()[i]) - step_size * direction));
  }
  return next;
}

CountGradient count_gradient(const CountedTraining& training, std::span<const Tensor> start,
                             const Tensor& counts) {
  const int64 k = training.surrogate_step;
  if (k < 0 || k >= training.steps)
    fail<UsageError>("count_gradient: surrogate step {} of {} steps", k, training.steps);
  if (!(counts.shape() == Shape({training.examples})))
    fail<ShapeError>("count_gradient: counts of shape {} for {} examples", counts.shape().str(),
                     training.examples);
  const IntTensor all = IntTensor::arange(training.examples);
  const Tensor lr = Tensor::scalar(static_cast<real>(training.lr));
  const auto loss = [&](std::span<const Tensor> w, std::span<const Tensor> z, int64 t) {
    const IntTensor rows = training.batch(t);
    const Tensor c = index_select(counts, 0, rows), total = sum(c);
    const Tensor losses = training.losses(w, rows);
    const Tensor weighted = total.item() > 0 ? sum(c * losses) / total : sum(losses) * real(0);
    return t == k ? weighted + sum(z[0] * training.losses(w, all)) : weighted;
  };
  const auto step_size = [&](std::span<const Tensor>, int64) { return lr; };
  const MetaTraining whole =
      meta_training(training.rule, start.size(), loss, step_size, training.target, training.steps);
  const Tensors z{Tensor::zeros({training.examples})};
  Tensors state = training.rule.start(start);
  {
    const Recording off(false);
    for (int64 t = 0; t < k; ++t) state = whole.step(state, z, t);
  }
  const MetaTraining rest{[&](std::span<const Tensor> s, std::span<const Tensor> zs, int64 t) {
                            return whole.step(s, zs, t + k);
                          },
                          whole.target, training.steps - k};
  Metagradient at = metagradient(rest, state, z, training.branching);
  at.end.resize(start.size());
  return {at.target, at.grads[0], std::move(at.end)};
}

Tensor next_counts(const Tensor& counts, const Tensor& grads, const Tensor& mask) {
  check_same("next_counts", counts, grads);
  check_same("next_counts", counts, mask);
  Tensor next(counts.shape());
  for (int64 i = 0; i < counts.numel(); ++i)
    next.mutable_data()[i] = static_cast<real>(std::max(
        0.0, static_cast<double>(counts.data()[i]) -
                 static_cast<double>(mask.data()[i]) * sign_of(static_cast<double>(grads.data()[i]))));
  return next;
}

}  // namespace gradus
