#include "apps/signals/soundscape_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "data/signals/soundscape.h"
#include "nn/modes.h"
#include "nn/signals/gaussian_nll.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// Levels of sounds below each other: (B,T,F).
Tensor stacked(const std::vector<const Tensor*>& sounds) {
  const Shape& one = sounds.front()->shape();
  Tensor out({std::ssize(sounds), one[0], one[1]});
  for (size_t i = 0; i < sounds.size(); ++i)
    std::copy_n(sounds[i]->data(), one.numel(), out.mutable_data() + static_cast<int64>(i) * one.numel());
  return out;
}

Tensor mixed(const Tensor& ambient, const Tensor& masker, double gain_db) {
  return mix_levels(ambient, masker, Tensor::full(ambient.shape(), static_cast<real>(gain_db)));
}

SoundscapePrediction batch_prediction(SoundscapeNetwork& network, const RatedMixes& data,
                                      const std::vector<const RatedMix*>& batch) {
  const int64 B = std::ssize(batch);
  if (!network.options().joint) {
    std::vector<Tensor> mixes;
    for (const RatedMix* m : batch) {
      const Tensor& ambient = data.ambients[static_cast<size_t>(m->ambient)].levels;
      mixes.push_back(m->masker < 0
                          ? ambient
                          : mixed(ambient, data.maskers[static_cast<size_t>(m->masker)].levels, m->gain_db));
    }
    std::vector<const Tensor*> rows;
    for (const Tensor& mix : mixes) rows.push_back(&mix);
    return network.predict(network.encode(stacked(rows)));
  }
  std::vector<const Tensor*> ambients, maskers;
  Tensor present({B, 1, 1}), gain({B});
  for (int64 i = 0; i < B; ++i) {
    const RatedMix& m = *batch[static_cast<size_t>(i)];
    ambients.push_back(&data.ambients[static_cast<size_t>(m.ambient)].levels);
    // Without a masker any one's features are set to 0.
    maskers.push_back(&data.maskers[static_cast<size_t>(std::max<int64>(m.masker, 0))].levels);
    present.mutable_data()[i] = m.masker < 0 ? 0 : 1;
    gain.mutable_data()[i] = static_cast<real>(m.masker < 0 ? kNoMaskerGain : m.gain_db);
  }
  return network.predict(network.encode(stacked(ambients)), network.encode_masker(stacked(maskers)) * present,
                         gain);
}

}  // namespace

RatedMixes draw_rated_mixes(int64 count, int64 ambients, int64 maskers_a_class,
                            const std::vector<double>& gains, const SoundSize& size, const Rng& rng) {
  RatedMixes data;
  for (int64 i = 0; i < ambients; ++i) {
    Rng draw = rng.fork("ambient").fork(static_cast<std::uint64_t>(i));
    data.ambients.push_back(draw_ambient(size, draw));
  }
  for (int64 i = 0; i < kMaskerClasses * maskers_a_class; ++i) {
    Rng draw = rng.fork("masker").fork(static_cast<std::uint64_t>(i));
    data.maskers.push_back(draw_masker(static_cast<MaskerClass>(i % kMaskerClasses), size, draw));
  }
  Rng draw = rng.fork("mixes");
  for (int64 i = 0; i < count; ++i) {
    RatedMix mix;
    mix.ambient = draw.below(ambients);
    mix.masker = draw.bernoulli(0.1) ? -1 : draw.below(std::ssize(data.maskers));
    mix.gain_db = gains[static_cast<size_t>(draw.below(std::ssize(gains)))];
    const MaskerSound* masker = mix.masker < 0 ? nullptr : &data.maskers[static_cast<size_t>(mix.masker)];
    mix.y = rated_pleasantness(
        true_pleasantness(data.ambients[static_cast<size_t>(mix.ambient)], masker, mix.gain_db), draw);
    data.mixes.push_back(mix);
  }
  return data;
}

void train_soundscape(SoundscapeNetwork& network, const RatedMixes& data, const SoundscapeTrainingOptions& o,
                      const Rng& rng, const std::function<void(double, double)>& after_step) {
  const int64 N = std::ssize(data.mixes), a_pass = N / o.batch_size, steps = o.epochs * a_pass;
  if (a_pass < 1) fail<UsageError>("soundscape training: {} mixes, batches of {}", N, o.batch_size);
  const Parameters parameters = network.parameters();
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  const OptimizerPtr adam = make_optimizer(fmt::format("adam:lr={}", o.lr), parameters);
  network.set_training(true);
  std::vector<int64> order;
  for (int64 t = 0; t < steps; ++t) {
    if (t % a_pass == 0) order = Rng(rng).fork(static_cast<std::uint64_t>(t / a_pass)).permutation(N);
    std::vector<const RatedMix*> batch;
    Tensor y({o.batch_size});
    for (int64 i = 0; i < o.batch_size; ++i) {
      batch.push_back(
          &data.mixes[static_cast<size_t>(order[static_cast<size_t>(t % a_pass * o.batch_size + i)])]);
      y.mutable_data()[i] = static_cast<real>(batch.back()->y);
    }
    const SoundscapePrediction p = batch_prediction(network, data, batch);
    // The deterministic network's spread has no part in the loss, and a gradient of 0.
    const Tensor loss = o.deterministic ? mse_loss(p.mu, y) : gaussian_nll(p.mu, p.log_sigma, y);
    const double value = static_cast<double>(loss.item());
    if (!std::isfinite(value)) fail<NumericError>("soundscape training: loss {} at step {}", value, t + 1);
    std::vector<Tensor> gradients = grad(loss, values);
    for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = std::move(gradients[i]);
    const double done = static_cast<double>(t) / static_cast<double>(steps);
    adam->step((1 + std::cos(std::numbers::pi * done)) / 2, value);
    after_step(static_cast<double>(t + 1) / static_cast<double>(steps), value);
  }
  network.set_training(false);
}

MaskerSearcher::MaskerSearcher(SoundscapeNetwork& network, const std::vector<MaskerSound>& maskers)
    : network_(network), maskers_(maskers) {
  if (maskers.empty()) fail<UsageError>("a search wants a masker at least");
  if (!network.options().joint) return;
  const Recording off(false);
  const ModeScope evaluation(network, false);
  std::vector<const Tensor*> levels;
  for (const MaskerSound& m : maskers) levels.push_back(&m.levels);
  features_ = network.encode_masker(stacked(levels));
}

MaskerSearch MaskerSearcher::operator()(const Tensor& ambient_levels,
                                        const std::vector<double>& gains) const {
  const Recording off(false);
  const ModeScope evaluation(network_, false);
  const int64 M = std::ssize(maskers_), G = std::ssize(gains), pairs = M * G;
  MaskerSearch search;
  SoundscapePrediction p;
  if (features_.defined()) {
    const Tensor features = network_.encode(stacked({&ambient_levels}));  // (1,T',D)
    const int64 T = features.dim(1), D = features.dim(2);
    // The last candidate is no masker.
    IntTensor which({pairs});
    Tensor gain({pairs + 1});
    for (int64 i = 0; i < pairs; ++i) {
      which.mutable_data()[i] = i / G;
      gain.mutable_data()[i] = static_cast<real>(gains[static_cast<size_t>(i % G)]);
    }
    gain.mutable_data()[pairs] = static_cast<real>(kNoMaskerGain);
    const Tensor maskers =
        concat(std::vector{index_select(features_, 0, which), Tensor::zeros({1, T, D})}, 0);
    p = network_.predict(broadcast_to(features, {pairs + 1, T, D}), maskers, gain);
    search.encoder_passes = 1;
  } else {
    std::vector<Tensor> mixes;
    for (int64 i = 0; i < pairs; ++i)
      mixes.push_back(mixed(ambient_levels, maskers_[static_cast<size_t>(i / G)].levels,
                            gains[static_cast<size_t>(i % G)]));
    std::vector<const Tensor*> rows;
    for (const Tensor& mix : mixes) rows.push_back(&mix);
    rows.push_back(&ambient_levels);
    p = network_.predict(network_.encode(stacked(rows)));
    search.encoder_passes = pairs + 1;
  }
  search.mu = Tensor({M, G}), search.sigma = Tensor({M, G});
  for (int64 i = 0; i < pairs; ++i) {
    search.mu.mutable_data()[i] = p.mu.data()[i];
    search.sigma.mutable_data()[i] =
        std::exp(std::clamp(p.log_sigma.data()[i], static_cast<real>(-5), static_cast<real>(2)));
  }
  search.mu_none = static_cast<double>(p.mu.data()[pairs]);
  return search;
}

}  // namespace gradus
