#include "apps/decoding/head_training.h"

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// -log p of a token at temperature 1.
double token_loss(std::span<const real> logits, int64 token) {
  const auto top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double total = 0;
  for (const real v : logits) total += std::exp(static_cast<double>(v) - top);
  return std::log(total) + top - static_cast<double>(logits[static_cast<size_t>(token)]);
}

// P responses as (P,T,...), T the most choices of any.
struct ChoiceBatch {
  Tensor hidden;            // (P,T,D)
  IntTensor choices, mask;  // (P,T)
};
ChoiceBatch choice_batch(const std::vector<const HeadSample*>& responses) {
  size_t most = 1;
  for (const HeadSample* r : responses) most = std::max(most, r->choices.size());
  const auto p = std::ssize(responses), t = static_cast<int64>(most);
  const int64 width = responses[0]->hidden[0].numel();
  ChoiceBatch batch{Tensor::zeros({p, t, width}), IntTensor::full({p, t}, 0), IntTensor::full({p, t}, 0)};
  for (int64 i = 0; i < p; ++i) {
    const HeadSample& r = *responses[static_cast<size_t>(i)];
    for (int64 j = 0; j < std::ssize(r.choices); ++j) {
      const Tensor& h = r.hidden[static_cast<size_t>(j)];
      std::copy_n(h.data(), width, batch.hidden.mutable_data() + (i * t + j) * width);
      batch.choices.mutable_data()[i * t + j] = r.choices[static_cast<size_t>(j)];
      batch.mask.mutable_data()[i * t + j] = 1;
    }
  }
  return batch;
}

}  // namespace

std::vector<HeadSample> head_samples(TokenModel& model, const TemperatureHead& head, const HeadPrompt& prompt,
                                     int64 count, int64 length, double explore, Rng rng) {
  const Recording off(false);
  const LastHidden last(model);
  const std::unique_ptr<Decoder> decoder = model.decoder(count);
  const auto width = std::ssize(prompt.tokens);
  IntTensor ids({count, width});
  for (int64 n = 0; n < count; ++n)
    std::copy(prompt.tokens.begin(), prompt.tokens.end(), ids.mutable_data() + n * width);
  Tensor logits = decoder->feed(ids);  // (N,V)
  const int64 kinds = head.temperatures.numel();
  std::vector<HeadSample> samples(static_cast<size_t>(count));
  std::vector<bool> ended(static_cast<size_t>(count), false);
  Tensor tau({count});
  for (int64 t = 0; t < length; ++t) {
    const bool choosing = t == 0 || head.level == "token";
    if (choosing) {
      const Tensor h = last.states(), pi = softmax((*head.head)(h));
      Tensor u({count});
      for (int64 n = 0; n < count; ++n) u.mutable_data()[n] = static_cast<real>(rng.uniform());
      const IntTensor drawn = inverse_sample(pi, u);
      for (int64 n = 0; n < count; ++n) {
        const bool any = rng.bernoulli(explore);
        const int64 uniform = rng.below(kinds), k = any ? uniform : drawn[n];
        tau.mutable_data()[n] = static_cast<real>(head.temperature(k));
        HeadSample& s = samples[static_cast<size_t>(n)];
        if (ended[static_cast<size_t>(n)]) continue;
        s.choices.push_back(k);
        s.hidden.push_back(h.rows(n, n + 1).clone().view({h.dim(1)}));
      }
    }
    Tensor u({count});
    for (int64 n = 0; n < count; ++n) u.mutable_data()[n] = static_cast<real>(rng.uniform());
    const IntTensor next = inverse_sample(tempered_probs(logits, tau), u);
    IntTensor fed({count, 1});
    for (int64 n = 0; n < count; ++n) {
      fed.mutable_data()[n] = next[n];
      if (ended[static_cast<size_t>(n)]) continue;
      HeadSample& s = samples[static_cast<size_t>(n)];
      s.tokens.push_back(next[n]);
      s.loss += token_loss(logits.rows(n, n + 1).span(), next[n]);
      ended[static_cast<size_t>(n)] = next[n] == prompt.stop;
    }
    if (t + 1 == length || std::all_of(ended.begin(), ended.end(), [](bool e) { return e; })) break;
    logits = decoder->feed(fed);
  }
  for (HeadSample& s : samples) s.loss /= static_cast<double>(s.tokens.size());
  return samples;
}

HeadRound train_head_round(TokenModel& model, TemperatureHead& head, const std::vector<HeadPrompt>& prompts,
                           const std::function<double(size_t, const HeadSample&)>& reward,
                           const HeadTrainingOptions& o, const Rng& rng,
                           const std::function<void(int64)>& each) {
  HeadRound round;
  std::vector<std::vector<HeadSample>> all;
  Tensor rewards({std::ssize(prompts), o.samples});
  int64 choices = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    all.push_back(head_samples(model, head, prompts[i], o.samples, o.length, o.explore,
                               rng.fork(static_cast<std::uint64_t>(i))));
    for (size_t n = 0; n < all[i].size(); ++n) {
      const double r = reward(i, all[i][n]);
      if (!std::isfinite(r)) fail<NumericError>("decoding head: the reward of prompt {} is {}", i + 1, r);
      rewards.mutable_data()[static_cast<int64>(i) * o.samples + static_cast<int64>(n)] =
          static_cast<real>(r);
      round.reward += r / static_cast<double>(prompts.size() * all[i].size());
      for (const int64 k : all[i][n].choices) round.temperature += head.temperature(k), ++choices;
    }
    if (each) each(static_cast<int64>(i) + 1);
  }
  round.temperature /= static_cast<double>(std::max<int64>(choices, 1));
  std::vector<const HeadSample*> chosen, rejected;
  const std::vector<RankedPair> pairs = lpo_pairs(rewards);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i].valid) continue;
    chosen.push_back(&all[i][static_cast<size_t>(pairs[i].chosen)]);
    rejected.push_back(&all[i][static_cast<size_t>(pairs[i].rejected)]);
  }
  round.pairs = std::ssize(chosen);
  if (chosen.empty()) return round;
  const ChoiceBatch better = choice_batch(chosen), worse = choice_batch(rejected);
  const auto reference = [&](const ChoiceBatch& b) {
    const Recording off(false);
    return (*head.head)(b.hidden).detach();
  };
  const Tensor ref_better = reference(better), ref_worse = reference(worse);
  const Parameters parameters = head.head->parameters();
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  const OptimizerPtr adamw = make_optimizer(fmt::format("adamw:lr={},weight_decay=0", o.lr), parameters);
  for (int64 step = 0; step <= o.steps; ++step) {
    const Recording on(true);
    const Tensor loss = lpo_loss({(*head.head)(better.hidden), ref_better, better.mask}, better.choices,
                                 {(*head.head)(worse.hidden), ref_worse, worse.mask}, worse.choices, o)
                            .loss;
    round.loss = static_cast<double>(loss.item());
    if (!std::isfinite(round.loss))
      fail<NumericError>("decoding head: the loss is {} at step {}; a smaller lr may help", round.loss, step);
    if (step == o.steps) break;
    const std::vector<Tensor> grads = grad(loss, values, {.allow_unused = true});
    for (size_t i = 0; i < grads.size(); ++i) parameters[i]->grad = grads[i];
    adamw->step(1, round.loss);
  }
  return round;
}

TemperatureHead fresh_head(TokenModel& model, const std::vector<double>& temperatures,
                           const std::string& level, int64 hidden, const Rng& rng) {
  int64 width = 0;
  {
    const LastHidden last(model);
    const std::unique_ptr<Decoder> decoder = model.decoder(1);
    decoder->feed(IntTensor::full({1, 1}, 0));
    width = last.states().dim(1);
  }
  TemperatureHead head;
  head.head =
      std::make_unique<DecodingHead>(width, hidden > 0 ? hidden : 2 * width, std::ssize(temperatures));
  head.head->initialise(rng.fork("head"));
  head.temperatures = Tensor({std::ssize(temperatures)});
  for (size_t k = 0; k < temperatures.size(); ++k)
    head.temperatures.mutable_data()[k] = static_cast<real>(temperatures[k]);
  head.level = level;
  return head;
}

}  // namespace gradus
