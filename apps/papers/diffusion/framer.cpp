// FRAMER: a denoiser's last feature map teaches those before it, frequencies apart.
// Paper: Choi, Sung, Oh, "FRAMER: Frequency-Aligned Self-Distillation with Adaptive Modulation Leveraging Diffusion Priors for
//        Real-World Image Super-Resolution", CVPR 2026, arXiv 2512.01390.
//   loss = noise loss + loss_weight * sum over blocks i < n of [faw fam intra(low band)] + [faw fam inter(high band)]
// The claims: with it the error in high frequencies is less than without, at the same steps, and PSNR is not worse by more than 0.05 dB;
// the second block's high band is closer to the last one's.
// Setting: Fashion-MNIST on 14x14 pixels, blurred, halved, noisy and enlarged again as the condition; a transformer of 4 blocks of 32 on
// 7x7 patches predicts v; 400 steps of 32, DDIM of 10 steps, 200 test images. Both arms draw the same times and noise; random layers come
// from a stream of their own. Departures: sizes; the weight is tuned, as is plain self-distillation (mean squared error to the last map).
#include <algorithm>

#include "apps/papers/diffusion/framer_cases.h"
#include "apps/papers/diffusion/super_resolution.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/diffusion/framer_loss.h"
#include "nn/diffusion/network_denoiser.h"
#include "nn/diffusion/sampling.h"
#include "nn/models/dit.h"
#include "optim/registry.h"

namespace gradus::paper_entries {
namespace framer_experiment {

// What a step adds to the noise loss.
Tensor distillation(const Trial& trial, const std::vector<Tensor>& taps, Rng& layers) {
  const std::string method = trial.word("method");
  const double weight = method == "none" ? 0 : trial.number("loss_weight");
  if (weight == 0) return {};
  const auto students = std::ssize(taps) - 1;
  if (method == "plain") {
    Tensor sum;
    for (int64 i = 0; i < students; ++i) {
      const Tensor gap = mse_loss(taps[static_cast<size_t>(i)], taps.back().detach());
      sum = i == 0 ? gap : sum + gap;
    }
    return sum * static_cast<real>(weight);
  }
  std::vector<int64> other;
  for (int64 i = 0; i < students; ++i) {
    const int64 j = layers.below(students - 1);
    other.push_back(j < i ? j : j + 1);
  }
  return framer_loss(taps, other, {.loss_weight = weight}).loss;
}

Outcome restore(const Trial& trial) {
  const Data data = trial.data("fashion-mnist:limit=6000,test_limit=400");
  const Rng seed = Rng(static_cast<std::uint64_t>(trial.seed));
  const DegradedImages train = degraded_images(*data.train, trial.quick ? 32 : 4000, seed.fork("train")),
                       test = degraded_images(*data.test, trial.quick ? 4 : 200, seed.fork("test"));
  const int64 side = train.sharp.dim(2), pixels = side * side, batch = trial.quick ? 4 : 32,
              steps = trial.quick ? 2 : 400;
  Dit::Options o;
  o.patch = 2, o.dim = trial.quick ? 8 : 32, o.mlp_ratio = 2, o.out_channels = 1;
  Dit model(o, {.channels = 2, .height = side, .width = side, .classes = 1});
  model.initialise(seed.fork("init"));
  const Parameters parameters = model.parameters();
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  const OptimizerPtr adam =
      make_optimizer("ema(clip-norm(adam:lr=2e-3,beta2=0.99):max_norm=1):decay=0.98", parameters);
  const NoiseSchedule schedule = noise_schedule({});
  Rng draws = seed.fork("steps"), layers = seed.fork("layers");
  for (int64 step = 0; step < steps; ++step) {
    Tensor x0({batch, 1, side, side}), condition({batch, 1, side, side});
    std::vector<int64> t;
    for (int64 b = 0; b < batch; ++b) {
      const int64 from = draws.below(train.sharp.dim(0));
      std::copy_n(train.sharp.data() + from * pixels, pixels, x0.mutable_data() + b * pixels);
      std::copy_n(train.condition.data() + from * pixels, pixels, condition.mutable_data() + b * pixels);
      t.push_back(draws.below(std::ssize(schedule.alpha_bar)));
    }
    const Noised noised = q_sample(x0, draws.normal_tensor(x0.shape()), t, schedule.alpha_bar);
    const std::vector<Tensor> both = {noised.x_t, condition};
    Input input(concat(both, 1));
    input.time = level_times(t, std::ssize(schedule.alpha_bar));
    std::vector<Tensor> taps;
    Tensor loss = mse_loss(model.with_taps(input, &taps), noised.v);
    if (const Tensor more = distillation(trial, taps, layers); more.defined()) loss = loss + more;
    const std::vector<Tensor> g = grad(loss, values, {.allow_unused = true});
    for (size_t i = 0; i < g.size(); ++i)
      parameters[i]->grad = g[i].defined() ? g[i] : Tensor::zeros(values[i].shape());
    const double share = static_cast<double>(step) / static_cast<double>(steps);
    adam->step(std::min(1.0, (static_cast<double>(step) + 1) / 40) * (1 - 0.95 * share),
               static_cast<double>(loss.item()));
    trial.checkpoint(0.9 * share);
  }
  adam->use_evaluation_weights(true);

  NetworkDenoiser denoiser(model, DenoiserOutput::kV, std::ssize(schedule.alpha_bar), test.condition);
  const SamplerPtr ddim = make_sampler("ddim");
  const GuidancePtr none = make_guidance("none");
  const SkipPolicyPtr all = make_skip_policy("none");
  Rng noise = seed.fork("test noise");
  const Tensor start = noise.normal_tensor(test.sharp.shape());
  const IntTensor classes = IntTensor::full({start.dim(0)}, -1);
  const Tensor out = sample({denoiser, *ddim, *none, *all, sampling_levels(schedule, trial.quick ? 2 : 10)},
                            start, classes, Rng(0))
                         .x;
  Outcome outcome;
  outcome.metrics = {{"psnr", mean_psnr(out, test.sharp)},
                     {"bilinear_psnr", mean_psnr(test.condition, test.sharp)},
                     {"high_frequency_error", high_frequency_error(out, test.sharp)},
                     {"bilinear_high_frequency_error", high_frequency_error(test.condition, test.sharp)}};
  // How close each block's high band is to the last one's, on noisy test images.
  const Recording off(false);
  const std::vector<int64> t(static_cast<size_t>(start.dim(0)), 300);
  const std::vector<Tensor> both = {q_sample(test.sharp, start, t, schedule.alpha_bar).x_t, test.condition};
  Input input(concat(both, 1));
  input.time = level_times(t, std::ssize(schedule.alpha_bar));
  std::vector<Tensor> taps;
  model.with_taps(input, &taps);
  const Tensor high = real(1) - low_band(taps[0].dim(2), taps[0].dim(3), 1.5);
  const Band teacher = band_of(spectral_magnitude(taps.back()), high);
  for (size_t i = 0; i + 1 < taps.size(); ++i)
    outcome.metrics[fmt::format("high_band_cosine_{}", i + 1)] = static_cast<double>(
        mean(modulation_weights(band_of(spectral_magnitude(taps[i]), high), teacher).fam).item());
  return outcome;
}

void plan(Experiment& e) {
  e.tune_for("high_frequency_error");
  const std::vector<double> weights = {0.003, 0.03, 0.3};
  e.arm("framer").run(restore, {{"method", "framer"}}).tune("loss_weight", weights);
  e.arm("plain").run(restore, {{"method", "plain"}}).tune("loss_weight", weights);
  e.arm("noise-loss")
      .run(restore, {{"method", "none"}})
      .untuned("the loss without distillation has no weight");
  e.claim("less error in high frequencies", better("framer", "noise-loss", "high_frequency_error"));
  e.claim("PSNR not worse by more than 0.05 dB", not_worse("framer", "noise-loss", "psnr", 0.05));
  e.claim("the second block's high band is closer to the last one's",
          better("framer", "noise-loss", "high_band_cosine_2"));
  e.claim("less error than plain self-distillation",
          better("framer", "plain", "high_frequency_error").reported_only());
}

}  // namespace framer_experiment

Paper framer() {
  return {
      .slug = "framer",
      .family = "diffusion",
      .title =
          "FRAMER: Frequency-Aligned Self-Distillation with Adaptive Modulation Leveraging Diffusion Priors "
          "for "
          "Real-World Image Super-Resolution",
      .authors = "Choi, Sung, Oh",
      .venue = "CVPR",
      .year = 2026,
      .arxiv = "2512.01390",
      .idea =
          "The last feature map of a denoiser teaches those before it: low frequencies by a contrast within "
          "the "
          "sample, high ones by one between samples, each weighted by energy and agreement. "
          "Claimed: sharper high frequencies at no cost when sampling.",
      .equations =
          "A = |DFT2(F)|;  z = A on a band, normalised;  s+ = <z_i, z_n>,  s- = <z_i, z_j>\n"
          "intra = -log(e^(s+/tau)/(e^(s+/tau) + e^(s-/tau)));  inter has other samples of z_n below too\n"
          "loss = noise loss + loss_weight*sum_i mean [faw fam intra]_low + [faw fam inter]_high",
      .files = {"nn/diffusion/framer_loss.cpp", "nn/diffusion/frequency_bands.cpp", "nn/models/dit.cpp"},
      .use = "framer_loss of nn/diffusion/framer_loss.h on Dit::with_taps",
      .functions = framer_functions(),
      .experiment = framer_experiment::plan,
      .minutes = 5};
}

}  // namespace gradus::paper_entries
