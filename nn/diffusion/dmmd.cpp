#include "nn/diffusion/dmmd.h"

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/diffusion/mmd.h"

namespace gradus {

DmmdLoss dmmd_loss(const LevelFeatures& phi, const Tensor& x0, const Tensor& x_t, const Tensor& u,
                   std::span<const double> t, const DmmdLossOptions& o) {
  if (x0.rank() != 3 || !(x0.shape() == x_t.shape()) || !(u.shape() == Shape{x0.dim(0), x0.dim(1)}) ||
      static_cast<size_t>(x0.dim(0)) != t.size() || t.empty())
    fail<ShapeError>("dmmd_loss: x0 {}, x_t {}, u {}, {} levels", x0.shape().str(), x_t.shape().str(),
                     u.shape().str(), t.size());
  const int64 n = x0.dim(1), d = x0.dim(2);
  DmmdLoss out;
  for (int64 l = 0; l < x0.dim(0); ++l) {
    const double level = t[static_cast<size_t>(l)];
    const Tensor clean = x0.rows(l, l + 1).view({n, d}), noisy = x_t.rows(l, l + 1).view({n, d});
    const Tensor f0 = phi(clean, level), ft = phi(noisy, level);
    const Tensor mmd2 = mmd_squared(f0, ft);
    Tensor mixed({n, d});
    for (int64 i = 0; i < n * d; ++i) {
      const real share = u.data()[l * n + i / d];
      mixed.mutable_data()[i] = share * clean.data()[i] + (1 - share) * noisy.data()[i];
    }
    const Tensor z = variable(mixed);
    const Tensor witness = sum(phi(z, level) * (mean(ft, {0}) - mean(f0, {0})));
    const Tensor slope = grad(witness, {z}, {.create_graph = true})[0];
    const Tensor penalty = mean(square(norm(slope, {1}) - real(1)));
    const Tensor size = mean(sum(square(f0), {1})) + mean(sum(square(ft), {1}));
    const Tensor loss =
        penalty * static_cast<real>(o.lambda_grad) + size * static_cast<real>(o.lambda_l2) - mmd2;
    out.loss = l == 0 ? loss : out.loss + loss;
    out.mmd2.push_back(static_cast<double>(mmd2.item()));
    out.gradient_penalty.push_back(static_cast<double>(penalty.item()));
    out.l2_penalty.push_back(static_cast<double>(size.item()));
  }
  out.loss = out.loss / static_cast<real>(t.size());
  return out;
}

Tensor witness_gradient(const LevelFeatures& phi, const Tensor& z, double t, const Tensor& direction) {
  const Recording on(true);
  const Tensor at = variable(z.detach());
  return grad(sum(phi(at, t) * direction), {at})[0].detach();
}

DmmdFlow dmmd_flow(const LevelFeatures& phi, const Tensor& particles, const Tensor& x0,
                   const DmmdFlowOptions& o, const std::function<Tensor(int64)>& x_noised) {
  if (particles.rank() != 2 || x0.rank() != 2 || particles.dim(1) != x0.dim(1) || !particles.dim(0) ||
      !x0.dim(0))
    fail<ShapeError>("dmmd_flow: particles {}, data {}", particles.shape().str(), x0.shape().str());
  if (o.mode == "approximate" && !x_noised)
    fail<UsageError>("dmmd_flow: mode approximate needs data noised to each level");
  const int64 d = x0.dim(1);
  const auto mean_features = [&](const Tensor& x, double t) {
    const Recording off(false);
    return mean(phi(x, t), {0}).detach();
  };
  DmmdFlow flow{particles.clone(), Tensor({o.num_levels + 1, d})};
  // One step of all particles at once; `others`: the mean features of what is left, theirs unless given.
  const auto step = [&](double t, const Tensor& data_mean, const Tensor& others) {
    const Tensor from = others.defined() ? others : mean_features(flow.particles, t);
    const Recording off(false);
    const Tensor g = witness_gradient(phi, flow.particles, t, (from - data_mean).detach());
    flow.particles = (flow.particles - g * static_cast<real>(o.step_size)).detach();
  };
  for (int64 k = o.num_levels; k >= 0; --k) {
    const double t = o.level(k);
    const Tensor data_mean = mean_features(x0, t);
    const Tensor noised = o.mode == "approximate" ? mean_features(x_noised(k), t) : Tensor();
    for (int64 i = 0; i < o.steps_per_level; ++i) step(t, data_mean, noised);
    const Recording off(false);
    const Tensor centre = mean(flow.particles, {0});
    for (int64 j = 0; j < d; ++j) {
      if (!std::isfinite(centre.data()[j]))
        fail<NumericError>("dmmd_flow: particles left all bounds at level {}", t);
      flow.level_means.mutable_data()[(o.num_levels - k) * d + j] = centre.data()[j];
    }
  }
  const Tensor data_mean = mean_features(x0, o.t_min);
  for (int64 i = 0; i < o.denoise_steps; ++i) step(o.t_min, data_mean, {});
  return flow;
}

}  // namespace gradus
