#include "nn/alignment/policy_losses.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_same(const char* where, std::initializer_list<Tensor> all) {
  const Shape& first = all.begin()->shape();
  for (const Tensor& t : all)
    if (t.shape() != first)
      fail<ShapeError>("{}: shapes {} and {} differ", where, first.str(), t.shape().str());
}

double as_double(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

// min(rho*A, clip(rho)*A) - A of log rho: where the mean of A is 0, nothing is lost by adding it. At equality the gradient is that
// of rho*A.
Tensor clipped_excess(const Tensor& log_rho, const Tensor& advantages, double clip) {
  const Tensor beyond = expm1(log_rho);
  return minimum(beyond * advantages,
                 clamp(beyond, static_cast<real>(-clip), static_cast<real>(clip)) * advantages);
}

}  // namespace

KlEstimates kl_estimates(const Tensor& logp, const Tensor& ref_logp, const IntTensor& mask) {
  check_same("kl_estimates", {logp, ref_logp});
  token_mask(mask, logp.shape(), "kl_estimates");
  KlEstimates total;
  int64 count = 0;
  for (int64 i = 0; i < logp.numel(); ++i) {
    if (!mask[i]) continue;
    const double d = as_double(logp, i) - as_double(ref_logp, i);
    total.k1 += d;
    total.k2 += d * d / 2;
    total.k3 += std::expm1(-d) + d;
    ++count;
  }
  if (!count) fail<DataError>("kl_estimates: the mask leaves no entry");
  const auto n = static_cast<double>(count);
  return {total.k1 / n, total.k2 / n, total.k3 / n};
}

Tensor kl_penalised_rewards(const Tensor& logp, const Tensor& ref_logp, const IntTensor& mask,
                            const Tensor& score, double kl_coef) {
  check_same("kl_penalised_rewards", {logp, ref_logp});
  token_mask(mask, logp.shape(), "kl_penalised_rewards");
  if (logp.rank() != 2 || score.shape() != Shape{logp.dim(0)})
    fail<ShapeError>("kl_penalised_rewards: log-probabilities {} and scores {}: needs (S,T) and (S)",
                     logp.shape().str(), score.shape().str());
  const int64 rows = logp.dim(0), t_count = logp.dim(1);
  Tensor rewards = Tensor::zeros(logp.shape());
  real* r = rewards.mutable_data();
  for (int64 s = 0; s < rows; ++s) {
    int64 last = -1;
    for (int64 t = 0; t < t_count; ++t) {
      const int64 i = s * t_count + t;
      if (!mask[i]) continue;
      r[i] = static_cast<real>(-kl_coef * (as_double(logp, i) - as_double(ref_logp, i)));
      last = i;
    }
    if (last >= 0) r[last] += score.data()[s];
  }
  return rewards;
}

Gae gae(const Tensor& rewards, const Tensor& values, const IntTensor& dones, const Tensor& last_values,
        const GaeOptions& o) {
  check_same("gae", {rewards, values});
  if (rewards.rank() != 2 || dones.shape() != Shape{rewards.dim(0)} ||
      last_values.shape() != Shape{rewards.dim(1)})
    fail<ShapeError>("gae: rewards {}, dones {}, last values {}: needs (T,K), (T), (K)",
                     rewards.shape().str(), dones.shape().str(), last_values.shape().str());
  token_mask(dones, dones.shape(), "gae: dones");
  const int64 steps = rewards.dim(0), width = rewards.dim(1);
  Gae out{Tensor(rewards.shape()), Tensor(rewards.shape()), Tensor(rewards.shape())};
  real *a = out.advantages.mutable_data(), *g = out.returns.mutable_data(),
       *to_go = out.reward_to_go.mutable_data();
  for (int64 k = 0; k < width; ++k) {
    double next_value = as_double(last_values, k), advantage = 0, go = 0;
    for (int64 t = steps - 1; t >= 0; --t) {
      const int64 i = t * width + k;
      const double r = as_double(rewards, i), v = as_double(values, i), goes_on = dones[t] ? 0 : 1;
      const double delta = r + o.gamma * next_value * goes_on - v;
      advantage = delta + o.gamma * o.gae_lambda * goes_on * advantage;
      go = r + goes_on * go;
      a[i] = static_cast<real>(advantage);
      g[i] = static_cast<real>(advantage + v);
      to_go[i] = static_cast<real>(go);
      next_value = v;
    }
  }
  return out;
}

PolicyLoss ppo_clip_loss(const Tensor& logp, const Tensor& old_logp, const Tensor& advantages,
                         const PpoOptions& o) {
  check_same("ppo_clip_loss", {logp, old_logp, advantages});
  const Tensor a = o.normalize ? standardised(advantages, o.eps) : advantages.detach();
  PolicyLoss out{.loss = -mean(clipped_excess(logp - old_logp.detach(), a, o.clip))};
  if (!o.normalize) out.loss = out.loss - mean(a);  // else it is 0
  for (int64 i = 0; i < logp.numel(); ++i) {
    const double log_ratio = as_double(logp, i) - as_double(old_logp, i), ratio = std::exp(log_ratio);
    out.clip_fraction += std::abs(ratio - 1) > o.clip;
    out.approx_kl += ratio - 1 - log_ratio;
  }
  const auto n = static_cast<double>(std::max<int64>(logp.numel(), 1));
  out.clip_fraction /= n;
  out.approx_kl /= n;
  return out;
}

Tensor grpo_advantages(const Tensor& rewards, const GroupOptions& o) {
  if (rewards.rank() != 2)
    fail<ShapeError>("grpo_advantages: rewards {}: needs (P,G)", rewards.shape().str());
  Tensor out(rewards.shape());
  const int64 group = rewards.dim(1);
  for (int64 p = 0; p < rewards.dim(0); ++p) {
    const Tensor row = rewards.rows(p, p + 1);
    Tensor a(row.shape());
    if (o.scale) {
      a = standardised(row, o.eps);
    } else {
      double mean = 0;
      for (const real r : row.span()) mean += static_cast<double>(r) / static_cast<double>(group);
      for (int64 i = 0; i < group; ++i) a.mutable_data()[i] = static_cast<real>(as_double(row, i) - mean);
    }
    out.rows(p, p + 1).copy_from(a);
  }
  return out;
}

GrpoLoss grpo_loss(const Tensor& logp, const Tensor& old_logp, const Tensor& ref_logp, const IntTensor& mask,
                   const Tensor& advantages, const GrpoOptions& o) {
  check_same("grpo_loss", {logp, old_logp, ref_logp});
  if (logp.rank() != 2 || advantages.shape() != Shape{logp.dim(0)})
    fail<ShapeError>("grpo_loss: log-probabilities {} and advantages {}: needs (S,T) and (S)",
                     logp.shape().str(), advantages.shape().str());
  const Tensor counts = token_mask(mask, logp.shape(), "grpo_loss");
  const int64 rows = logp.dim(0);
  // Weight of a token (S,T).
  const Tensor weight = o.reduction == "token" ? counts / std::max(sum(counts).item(), real(1))
                                               : counts / maximum(sum(counts, {1}, true), Tensor::scalar(1)) /
                                                     static_cast<real>(std::max<int64>(rows, 1));
  const Tensor e = ref_logp.detach() - logp;
  const Tensor k = expm1(e) - e;
  const Tensor a = reshape(advantages.detach(), {rows, 1});
  const Tensor gain = a + clipped_excess(logp - old_logp.detach(), a, o.clip);
  const Tensor divergence = sum(masked(weight * k, counts));
  return {.loss = static_cast<real>(o.kl_coef) * divergence - sum(masked(weight * gain, counts)),
          .mean_kl = static_cast<double>(divergence.item())};
}

}  // namespace gradus
