#include "nn/alignment/adaptive_decoding.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor tempered_probs(const Tensor& logits, const Tensor& temperature) {
  if (logits.rank() != 2 || logits.dim(1) < 1 || temperature.shape() != Shape{logits.dim(0)})
    fail<ShapeError>("tempered_probs: logits {} and temperatures {}: needs (B,V) and (B)",
                     logits.shape().str(), temperature.shape().str());
  const int64 vocabulary = logits.dim(1);
  Tensor probs = Tensor::zeros(logits.shape());
  for (int64 b = 0; b < logits.dim(0); ++b) {
    const auto tau = static_cast<double>(temperature.data()[b]);
    if (!(tau >= 0)) fail<DataError>("tempered_probs: temperature {} of row {}: needs >= 0", tau, b);
    const real* row = logits.data() + b * vocabulary;
    real* p = probs.mutable_data() + b * vocabulary;
    const real* top = std::max_element(row, row + vocabulary);
    if (tau == 0) {
      p[top - row] = 1;
      continue;
    }
    double total = 0;
    for (int64 v = 0; v < vocabulary; ++v)
      total += std::exp((static_cast<double>(row[v]) - static_cast<double>(*top)) / tau);
    for (int64 v = 0; v < vocabulary; ++v)
      p[v] = static_cast<real>(std::exp((static_cast<double>(row[v]) - static_cast<double>(*top)) / tau) /
                               total);
  }
  return probs;
}

IntTensor inverse_sample(const Tensor& probs, const Tensor& u) {
  if (probs.rank() != 2 || probs.dim(1) < 1 || u.shape() != Shape{probs.dim(0)})
    fail<ShapeError>("inverse_sample: probabilities {} and u {}: needs (B,V) and (B)", probs.shape().str(),
                     u.shape().str());
  const int64 vocabulary = probs.dim(1);
  IntTensor tokens({probs.dim(0)});
  for (int64 b = 0; b < probs.dim(0); ++b) {
    double reached = 0;
    int64 token = 0;
    for (int64 v = 0; v < vocabulary; ++v) {
      reached += static_cast<double>(probs.data()[b * vocabulary + v]);
      token += reached <= static_cast<double>(u.data()[b]);
    }
    tokens.mutable_data()[b] = std::min(token, vocabulary - 1);
  }
  return tokens;
}

std::vector<RankedPair> lpo_pairs(const Tensor& rewards) {
  if (rewards.rank() != 2 || rewards.dim(1) < 1)
    fail<ShapeError>("lpo_pairs: rewards {}: needs (M,N) with a sample", rewards.shape().str());
  const int64 n = rewards.dim(1);
  std::vector<RankedPair> pairs;
  for (int64 m = 0; m < rewards.dim(0); ++m) {
    const real *from = rewards.data() + m * n, *to = from + n;
    if (std::any_of(from, to, [](real r) { return std::isnan(r); }))
      fail<DataError>("lpo_pairs: a reward of prompt {} is NaN", m);
    const real *best = std::max_element(from, to), *worst = std::min_element(from, to);
    pairs.push_back({best - from, worst - from, *best != *worst});
  }
  return pairs;
}

namespace {

// Margin and loss from token scores (P,T) by the head and by its reference.
PreferenceLoss latent_preference(const Tensor& chosen, const Tensor& chosen_ref, const IntTensor& chosen_mask,
                                 const Tensor& rejected, const Tensor& rejected_ref,
                                 const IntTensor& rejected_mask, const LpoOptions& o) {
  return dpo_loss({chosen, chosen_ref, chosen_mask}, {rejected, rejected_ref, rejected_mask},
                  {.beta = o.beta, .reduction = o.reduction});
}

}  // namespace

PreferenceLoss lpo_loss(const LatentChoices& chosen, const IntTensor& chosen_choice,
                        const LatentChoices& rejected, const IntTensor& rejected_choice,
                        const LpoOptions& o) {
  return latent_preference(token_logp(chosen.latent_logits, chosen_choice),
                           token_logp(chosen.ref_latent_logits, chosen_choice), chosen.mask,
                           token_logp(rejected.latent_logits, rejected_choice),
                           token_logp(rejected.ref_latent_logits, rejected_choice), rejected.mask, o);
}

Tensor marginal_logp(const Tensor& latent_logits, const Tensor& token_logits, const IntTensor& tokens,
                     const Tensor& temperatures, double min_temperature) {
  const int64 count = temperatures.numel();
  if (latent_logits.rank() != 3 || latent_logits.dim(2) != count)
    fail<ShapeError>("marginal_logp: latent logits {}: needs (P,T,{}) for the temperatures",
                     latent_logits.shape().str(), count);
  std::vector<Tensor> by_temperature;  // log p(token | tau_k), (P,T) each
  for (int64 k = 0; k < count; ++k) {
    const double tau = std::max(static_cast<double>(temperatures.data()[k]), min_temperature);
    by_temperature.push_back(token_logp(token_logits.detach() / static_cast<real>(tau), tokens));
  }
  return logsumexp(log_softmax(latent_logits) + stack(by_temperature, 2), {2});
}

PreferenceLoss lpo_marginal_loss(const LatentChoices& chosen, const SampledTokens& chosen_tokens,
                                 const LatentChoices& rejected, const SampledTokens& rejected_tokens,
                                 const Tensor& temperatures, const MarginalOptions& o) {
  const auto scores = [&](const Tensor& latent, const SampledTokens& sampled) {
    return marginal_logp(latent, sampled.token_logits, sampled.tokens, temperatures, o.min_temperature);
  };
  return latent_preference(scores(chosen.latent_logits, chosen_tokens),
                           scores(chosen.ref_latent_logits, chosen_tokens), chosen.mask,
                           scores(rejected.latent_logits, rejected_tokens),
                           scores(rejected.ref_latent_logits, rejected_tokens), rejected.mask, o);
}

DecodingHead::DecodingHead(int64 dim, int64 hidden, int64 choices)
    : fc1_(add<Linear>("fc1", dim, hidden)),
      fc2_(add<Linear>("fc2", hidden, hidden)),
      out_(add<Linear>("out", hidden, choices)) {
  out_.weight.set_init(init::zeros());
  out_.bias.set_init(init::zeros());
}

Tensor DecodingHead::forward(const Input& h) { return out_(silu(fc2_(silu(fc1_(h.values()))))); }

}  // namespace gradus
