// AdaFortiTran: a radio channel's grid out of its pilots.
// Paper: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025,
//        pp. 3797-3802.
//   U = up(pilots), C = conv1(U), R = fold(transformer([patches(C) ; adapter(SNR, delay spread, Doppler)])), result = conv2(C + R)
// The claims: over Doppler shifts of 200 to 1000 Hz the mean error in dB is below FortiTran's (the same without the adapter), that
// below a trained linear map's; 1.5 dB below the linear map there, and below FortiTran at 0 and at 25 dB.
// Setting (own; the paper's data are not public): TDL-A, 30 subcarriers and 14 symbols, pilots 3x2, patches 6x2 (35 tokens), width 32,
// one layer, convolutions 1-4-8-4-1, 2500 frames of mixed conditions, 10 epochs in batches of 16; 200 frames a test condition. Baselines: a transformer
// without convolutions, the linear map, the best linear estimate for the training mixture at the test's SNR (lmmse), for the test's
// own condition (lmmse-known: a bound), and interpolation. Errors are E|H - estimate|^2 in dB. Two pilot symbols half a millisecond
// apart let no estimator gain much at high Doppler: the known statistics reach about -6 dB at 1000 Hz.
#include <algorithm>

#include "apps/papers/domain/adafortitran_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/signals/channel_training.h"

namespace gradus::paper_entries {
namespace {

OfdmGrid channel_grid() {
  OfdmGrid grid;
  grid.subcarriers = 30;
  return grid;
}

OfdmFrames mixed_frames(int64 count, const Rng& rng) {
  Rng draw = rng.fork("conditions");
  std::vector<ChannelConditions> conditions(static_cast<size_t>(count));
  for (ChannelConditions& c : conditions) c = training_conditions(draw);
  return ofdm_frames(conditions, channel_grid(), rng);
}

// Error in dB at one condition.
using Estimator = std::function<ChannelEstimate(const OfdmFrames&, const ChannelConditions&)>;

Outcome scored(const Trial& trial, const Rng& seed, const Estimator& estimator) {
  Outcome outcome;
  if (trial.tuning) {  // the mixture, SNR by SNR so that every estimator may know it
    double total = 0;
    for (const double snr : {0.0, 10.0, 20.0}) {
      Rng draw = seed.fork("tuning");
      std::vector<ChannelConditions> conditions(trial.quick ? 4 : 200);
      for (ChannelConditions& c : conditions) c = training_conditions(draw), c.snr_db = snr;
      const OfdmFrames frames = ofdm_frames(conditions, channel_grid(), draw);
      total += channel_error_db(estimator(frames, {.snr_db = snr}), frames) / 3;
    }
    outcome.metrics["mixture_error"] = total;
    return outcome;
  }
  const auto error_at = [&](const ChannelConditions& c) {
    const std::vector<ChannelConditions> conditions(trial.quick ? 4 : 200, c);
    const OfdmFrames frames = ofdm_frames(conditions, channel_grid(), seed.fork("test"));
    return channel_error_db(estimator(frames, c), frames);
  };
  Curve& by_doppler = outcome.curves["error_by_doppler"];
  by_doppler.x_label = "Doppler in Hz";
  double total = 0;
  for (const double doppler : {200.0, 400.0, 600.0, 800.0, 1000.0, 1400.0}) {
    const double error = error_at({.doppler_hz = doppler});
    by_doppler.x.push_back(doppler), by_doppler.y.push_back(error);
    if (doppler <= 1000) total += error / 5;
    if (doppler == 200) outcome.metrics["slow_error"] = error;
  }
  outcome.metrics["doppler_error"] = total;
  outcome.metrics["snr_0_error"] = error_at({.snr_db = 0});
  outcome.metrics["snr_25_error"] = error_at({.snr_db = 25});
  outcome.metrics["spread_350_error"] = error_at({.delay_spread_ns = 350});
  return outcome;
}

Outcome train_estimator(const Trial& trial) {
  const Rng seed = Rng(static_cast<std::uint64_t>(trial.seed));
  const OfdmGrid grid = channel_grid();
  FortitranSize size;
  size.kind = trial.word("kind");
  size.pilot_rows = grid.pilot_rows(), size.subcarriers = grid.subcarriers;
  size.patch_height = 6;
  size.conv_channels = {4, 8, 4};
  size.width = 32, size.num_layers = 1, size.num_heads = 4, size.feed_forward = 64, size.num_positions = 35;
  FortitranNetwork network(size, seed.fork("network"));
  ChannelTrainingOptions o;
  o.lr = trial.number("lr"), o.epochs = trial.quick ? 1 : 10, o.batch_size = 16;
  Outcome outcome;
  Curve curve;
  curve.x_label = "share of the training";
  train_channel_network(network, mixed_frames(trial.quick ? 64 : 2500, seed.fork("training")), o,
                        seed.fork("order"), [&](double done, double loss) {
                          curve.x.push_back(done), curve.y.push_back(loss);
                          trial.checkpoint(0.9 * done);
                        });
  outcome = scored(trial, seed, [&](const OfdmFrames& f, const ChannelConditions&) {
    return network_estimate(network, f);
  });
  outcome.curves["train_loss"] = curve;
  return outcome;
}

Outcome linear_estimator(const Trial& trial) {
  const Rng seed = Rng(static_cast<std::uint64_t>(trial.seed));
  const OfdmGrid grid = channel_grid();
  const std::string& kind = trial.word("kind");
  if (kind == "interpolation")
    return scored(trial, seed, [&](const OfdmFrames& f, const ChannelConditions&) {
      return interpolated_estimate(f, grid, trial.word("beyond") == "hold");
    });
  if (kind == "lmmse-known")
    return scored(trial, seed, [&](const OfdmFrames& f, const ChannelConditions& c) {
      return lmmse_estimate(exact_covariance(c, grid), c.snr_db, f);
    });
  const ChannelCovariance mixture =
      mean_covariance(mixed_frames(trial.quick ? 64 : 2500, seed.fork("training")), grid);
  return scored(trial, seed, [&](const OfdmFrames& f, const ChannelConditions& c) {
    return lmmse_estimate(mixture, c.snr_db, f);
  });
}

void adafortitran_experiment(Experiment& e) {
  e.tune_for("mixture_error");
  for (const char* kind : {"adafortitran", "fortitran", "transformer"})
    e.arm(kind).run(train_estimator, {{"kind", kind}}).tune("lr", {2e-3, 6e-3});
  // A linear map bears larger steps.
  e.arm("linear").run(train_estimator, {{"kind", "linear"}}).tune("lr", {1e-2, 3e-2});
  e.arm("interpolation")
      .run(linear_estimator, {{"kind", "interpolation"}})
      .tune("beyond", std::vector<std::string>{"hold", "line"});
  for (const char* kind : {"lmmse", "lmmse-known"})
    e.arm(kind).run(linear_estimator, {{"kind", kind}}).untuned("a closed form");
  e.claim("over 200 to 1000 Hz below FortiTran", better("adafortitran", "fortitran", "doppler_error"));
  e.claim("which is below a linear map", better("fortitran", "linear", "doppler_error"));
  e.claim("1.5 dB below a linear map", better("adafortitran", "linear", "doppler_error", 1.5));
  e.claim("4 dB below a linear map at 200 Hz",
          better("adafortitran", "linear", "slow_error", 4).reported_only());
  e.claim("below FortiTran at 0 dB", better("adafortitran", "fortitran", "snr_0_error"));
  e.claim("and at 25 dB", better("adafortitran", "fortitran", "snr_25_error"));
  e.claim("below a plain transformer", better("adafortitran", "transformer", "doppler_error"));
  e.claim("below the best linear estimate for the mixture at known SNR",
          better("adafortitran", "lmmse", "doppler_error").reported_only());
}

}  // namespace

Paper adafortitran() {
  return {.slug = "adafortitran",
          .family = "domain",
          .title = "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation",
          .authors = "Guler, Jafarkhani",
          .venue = "IEEE ICC",
          .year = 2025,
          .idea =
              "Linear upsampling and convolutions give a local estimate, a transformer over patches that "
              "know SNR, delay "
              "spread and Doppler "
              "the rest. Claimed: up to 6 dB below earlier models over a range of conditions.",
          .equations =
              "U = up(pilots);  C = conv1(U);  x = in([patches(C) ; adapter(conditions)]) + positions\n"
              "x = LN1(x + attention(x));  x = LN2(x + ff2(gelu(ff1 x)))\n"
              "result = conv2(C + fold(out(x)));  real and imaginary part one by one",
          .files = {"nn/signals/adafortitran.cpp", "nn/signals/channel_tokens.cpp",
                    "nn/signals/fortitran_network.cpp", "apps/signals/channel_training.cpp",
                    "data/signals/tdl_channel.cpp", "data/signals/ofdm_frames.cpp",
                    "data/signals/channel_estimators.cpp"},
          .use =
              "FortitranNetwork of nn/signals/fortitran_network.h, train_channel_network of "
              "apps/signals/channel_training.h",
          .functions = adafortitran_functions(),
          .experiment = adafortitran_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
