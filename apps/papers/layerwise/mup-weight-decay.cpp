// muP with weight decay that follows the width.
// Paper: Fan, Liu, Zhao, Yuan, Gu, "Robust Layerwise Scaling Rules by Proper Weight Decay Tuning", 2025, arXiv 2510.15262.
//   k = width/base;  matrices: lr/k, weight_decay*k^p, std ~ 1/sqrt(fan_in);  others: lr, no decay;  logits times 1/k
//   p = 0 (constant), 1/2 (sqrt: the paper), 1 (linear);  steady state: top singular value ~ sqrt(lr/weight_decay)*width^0.75
// The claims at our scale: with decay by the root of the width the mean logarithm (base 2) of the matrices' top singular values moves
// by less than 0.25 from width 32 to 128 and the best step size by one point of the grid at most; with constant decay the singular
// values grow and with linear decay they fall. And muP itself: over widths 64 to 512 the best step size of an MLP and of gpt moves
// by less than a factor of 2, in the standard parametrisation by more.
//   Singular values: residual perceptron of 3 blocks on 5,000 images of MNIST, base 32, lr 1e-3, 2e-3 and 4e-3, decay 8, batch 256, 800
//   steps of AdamW (0.9, 0.95), no schedule: lr*weight_decay*steps is 13 at the base. They are taken at the base's best step size.
//   Best step sizes: mlp of four hidden layers on MNIST, batch 64, 60 steps; gpt of one layer on windows of 16 characters, batch 4, 40
//   steps; AdamW without decay, base 64. The score is the mean loss of all steps; the best step size is the vertex of the parabola in
//   log lr fitted to the least loss and two neighbours on either side. Same seed, same order at all widths.
// Singular values before: batches of 64: they move by 0.66 with decay by the root [0.62, 0.71], rise by 1.4 with constant decay and fall
// by 0.2 with linear; batches of 16 and 1,600 steps, where noise should rule as in the theory: by 1.0 [0.6, 1.4], 1.8 and -0.1.
// First try of the step sizes: two hidden layers, 40 steps, gpt 25 steps, the last loss on a small test part, a parabola through three
// points: with muP 4.2 (mlp) and 3.2 (gpt), without 1.9 and 12.6, all within noise: the last loss after so few steps says little.
#include <algorithm>
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/layerwise/mup-weight-decay_cases.h"
#include "apps/papers/settings.h"
#include "apps/train/trainer.h"
#include "core/rng.h"
#include "core/statistics.h"
#include "nn/layers/linear.h"
#include "optim/methods/width_scaling.h"

namespace gradus::paper_entries {
namespace {

// Powers of 2 from 2^low to 2^high.
std::vector<double> powers_of_two(int low, int high) {
  std::vector<double> values;
  for (int e = low; e <= high; ++e) values.push_back(std::ldexp(1.0, e));
  return values;
}

// The step size of least loss: the vertex of the parabola in log lr fitted by least squares to five points of an even grid around the
// least loss, kept within these; the least itself where they do not all exist or bend downwards.
double least_loss_at(const std::vector<double>& lr, const std::vector<double>& loss) {
  const auto i = static_cast<size_t>(std::min_element(loss.begin(), loss.end()) - loss.begin());
  if (lr.size() < 5) return lr[i];
  const size_t centre = std::clamp<size_t>(i, 2, lr.size() - 3);
  double sum = 0, slope = 0, square = 0;  // of the losses, times x, times x^2, for x = -2 ... 2
  for (int x = -2; x <= 2; ++x) {
    const double y = loss[static_cast<size_t>(static_cast<int>(centre) + x)];
    if (!std::isfinite(y)) return lr[i];
    sum += y, slope += x * y, square += x * x * y;
  }
  const double bend = (square - 2 * sum) / 14;
  if (bend <= 0) return lr[i];
  return lr[centre] * std::pow(lr[centre + 1] / lr[centre], std::clamp(-slope / 10 / (2 * bend), -2.0, 2.0));
}

// A loss (by its name among the metrics) over a grid of step sizes; infinite where the training diverged.
std::vector<double> losses_over(const Trial& trial, const TrainConfig& config, const std::string& optim,
                                const std::vector<double>& lr, const char* measure,
                                const Trial::Inspect& inspect = nullptr) {
  std::vector<double> losses;
  for (const double value : lr) {
    TrainConfig run = config;
    run.optim = fmt::format("{},lr={}", optim, value);
    const Outcome outcome = trial.train(run, inspect);
    const auto loss = outcome.metrics.find(measure);
    losses.push_back(loss == outcome.metrics.end() || !std::isfinite(loss->second)
                         ? std::numeric_limits<double>::infinity()
                         : loss->second);
  }
  return losses;
}

// Best step sizes by width into the outcome; how far apart they are: lr_shift.
Outcome best_lr_by_width(const Trial& trial) {
  const bool text = trial.word("model") == "gpt", mup = trial.word("param") == "mup";
  const std::vector<int64> widths =
      trial.quick ? std::vector<int64>{8, 16} : std::vector<int64>{64, 128, 256, 512};
  const std::vector<double> lr = trial.quick ? powers_of_two(-8, -7)
                                 : text      ? powers_of_two(-13, -6)
                                             : powers_of_two(-12, -4);
  Outcome outcome;
  Curve& best = outcome.curves["best_lr"];
  best.x_label = "width";
  for (const int64 width : widths) {
    TrainConfig config = text ? small_language_model(40) : small_images(8000);
    config.schedule = "constant";
    config.clip_norm.reset();
    config.epochs.reset();
    config.steps = text ? 40 : 60;  // (less than one pass: the training loss is the mean of all steps)
    config.batch_size = text ? 4 : 64;
    config.eval_every = kAtTheEnd;
    if (text)
      config.data = "tinyshakespeare:val=0.002",
      config.model = fmt::format("gpt:block=16,dim={},layers=1", width);
    else
      config.data = "mnist:limit=8000,test_limit=100",
      config.model = fmt::format("mlp:hidden={0}-{0}-{0}-{0}", width);
    if (mup) config.param = fmt::format("mup:base={}", widths.front());
    const std::vector<double> losses =
        losses_over(trial, config, "adamw:weight_decay=0,beta2=0.95", lr, "train_loss");
    best.x.push_back(static_cast<double>(width));
    best.y.push_back(least_loss_at(lr, losses));
    outcome.curves[fmt::format("train_loss_{}", width)] = {"lr", lr, losses};
    std::erase_if(outcome.curves[fmt::format("train_loss_{}", width)].y,
                  [](double y) { return !std::isfinite(y); });
    auto& curve = outcome.curves[fmt::format("train_loss_{}", width)];
    curve.x.resize(curve.y.size());  // (what diverged are the largest step sizes)
  }
  const auto [low, high] = std::minmax_element(best.y.begin(), best.y.end());
  outcome.metrics["lr_shift"] = *high / *low;
  return outcome;
}

// Mean of log2 of the top singular values of the blocks' matrices.
double log_top_singular(Model& model) {
  std::vector<double> logs;
  model.visit([&](Module& m, const std::string& path) {
    const auto* linear = dynamic_cast<Linear*>(&m);
    if (!linear || !path.starts_with("blocks.")) return;
    const Tensor w = linear->weight.parameter()->value.detach();
    logs.push_back(std::log2(top_singular(w, Rng(1).normal_tensor({w.dim(1)}), 30).value));
  });
  return mean_of(logs);
}

// The rule at widths 32 to 128.
Outcome singular_values(const Trial& trial) {
  const std::vector<int64> widths = trial.quick ? std::vector<int64>{8, 16} : std::vector<int64>{32, 64, 128};
  const std::vector<double> lr =
      trial.quick ? std::vector<double>{2e-3} : std::vector<double>{1e-3, 2e-3, 4e-3};
  Outcome outcome;
  Curve& tops = outcome.curves["log_top_singular"];
  tops.x_label = "width";
  size_t chosen = 0;
  std::vector<double> best;
  for (const int64 width : widths) {
    TrainConfig config;
    config.data = "mnist:limit=5000,test_limit=1000";
    config.model = fmt::format("residual-mlp:width={0},hidden={0},blocks=3", width);
    config.param = fmt::format("mup:base={},rule={}", widths.front(), trial.word("rule"));
    config.schedule = "constant";
    config.steps = trial.quick ? 4 : 800;
    config.batch_size = trial.quick ? 16 : 256;
    config.clip_norm = 1;
    config.eval_every = kAtTheEnd;
    std::vector<double> values;
    const std::vector<double> losses =
        losses_over(trial, config, "adamw:weight_decay=8,beta2=0.95", lr, "test_loss",
                    [&](Trainer& trainer, Outcome&) { values.push_back(log_top_singular(trainer.model())); });
    best.push_back(
        std::log2(lr[static_cast<size_t>(std::min_element(losses.begin(), losses.end()) - losses.begin())]));
    if (width == widths.front())
      chosen = static_cast<size_t>(std::min_element(losses.begin(), losses.end()) - losses.begin());
    tops.x.push_back(static_cast<double>(width));
    tops.y.push_back(values.at(std::min(chosen, values.size() - 1)));
  }
  outcome.metrics["singular_rise"] = tops.y.back() - tops.y.front();
  outcome.metrics["singular_drift"] = std::abs(tops.y.back() - tops.y.front());
  outcome.metrics["best_lr_moves"] = std::abs(best.back() - best.front());
  return outcome;
}

void mup_weight_decay_experiment(Experiment& e) {
  for (const char* rule : {"constant", "sqrt", "linear"})
    e.arm(rule).run(singular_values, {{"rule", rule}}).untuned("goes over the step sizes itself");
  for (const char* model : {"mlp", "gpt"})
    for (const char* param : {"mup", "standard"})
      e.arm(fmt::format("{}-{}", model, param))
          .run(best_lr_by_width, {{"model", model}, {"param", param}})
          .untuned("goes over the step sizes itself");
  e.claim("decay by the root of the width: log2 of the top singular values moves by less than 0.25",
          at_most("sqrt", "singular_drift", 0.25));
  e.claim("and the best step size by one power of 2 at most", at_most("sqrt", "best_lr_moves", 1));
  e.claim("constant decay: the singular values grow with the width",
          at_least("constant", "singular_rise", 0));
  e.claim("linear decay: they fall", at_most("linear", "singular_rise", 0));
  for (const char* model : {"mlp", "gpt"}) {
    e.claim(fmt::format("muP: the best step size of {} moves by less than a factor of 2", model),
            at_most(fmt::format("{}-mup", model), "lr_shift", 2));
    e.claim("the standard parametrisation: by more",
            at_least(fmt::format("{}-standard", model), "lr_shift", 2));
  }
}

}  // namespace

Paper mup_weight_decay() {
  return {
      .slug = "mup-weight-decay",
      .family = "layerwise",
      .title = "Robust Layerwise Scaling Rules by Proper Weight Decay Tuning",
      .authors = "Fan, Liu, Zhao, et al.",
      .venue = "arXiv",
      .year = 2025,
      .arxiv = "2510.15262",
      .idea =
          "muP lets step sizes carry over from narrow to wide networks, by equal first updates. Claimed: "
          "under "
          "weight decay the steady state counts, and decay of matrices by the root of the width keeps it the "
          "same.",
      .equations =
          "k = width/base\n"
          "matrices: lr/k, weight_decay*sqrt(k), std ~ 1/sqrt(fan_in)\n"
          "vectors: lr, no decay;  logits times 1/k\n"
          "top singular value ~ sqrt(lr/weight_decay)*width^0.75",
      .files = {"optim/methods/width_scaling.cpp", "nn/mup.cpp", "apps/train/parametrisation.cpp"},
      .use = "gradus train --param mup:base=128 --optim adamw:lr=1e-3",
      .functions = mup_weight_decay_functions(),
      .experiment = mup_weight_decay_experiment,
      .minutes = 5};
}

}  // namespace gradus::paper_entries
