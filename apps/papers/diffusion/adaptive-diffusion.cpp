// Skipping the network where the path of a sample is smooth.
// Paper: Ye et al., "Training-Free Adaptive Diffusion with Bounded Difference Approximation Strategy", NeurIPS 2024, arXiv 2410.09873.
//   after step i >= 3 with the newest differences cur, p1, p2: step i+1 is skipped where |(cur + p2)/2 - p1| <= threshold*p1
// The claims, scale 4 and 50 DDIM steps: some threshold and cap need 1.5 times fewer evaluations with a relative error of at most 5 % and a
// Frechet distance to data within 5 % of the full path's; which steps are skipped differs between samples. Reported beside: fewer steps
// and uniform skips with no more evaluations.
// Setting: MNIST as a mixture of ten Gaussians with its exact denoiser (mixture_bench.h), 600 samples, linear noise levels. Departures:
// no trained network here; the Frechet distance is in the 32 coordinates.
#include <set>

#include "apps/papers/diffusion/guidance_cases.h"
#include "apps/papers/diffusion/mixture_bench.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

Outcome skipped_steps(const Trial& trial) {
  const MixtureBench bench(trial, "linear");
  const int64 steps = trial.quick ? 12 : 50;
  const std::string full = "cfg:scale=4";
  const auto reference = bench.run(full, steps);
  const auto run = bench.run(full, steps,
                             fmt::format("third-order:threshold={},max_skip_steps={}",
                                         trial.number("threshold"), trial.integer("max_skip_steps")),
                             reference.sampled.x);
  const int64 rows = run.sampled.x.dim(0);
  std::set<std::vector<int64>> patterns;
  for (int64 b = 0; b < rows; ++b) {
    std::vector<int64> pattern;
    for (int64 i = 0; i < steps; ++i) pattern.push_back(run.sampled.computed[i * rows + b]);
    patterns.insert(pattern);
  }
  const double evaluations = run.sampled.mean_evaluations() / 2;  // of both halves at once
  const auto fewer =
      bench.run(full, std::max<int64>(static_cast<int64>(evaluations), 1), "none", reference.sampled.x);
  // The densest uniform skips within the budget.
  int64 interval = 2;
  const auto computed = [&](int64 k) {
    int64 n = 0;
    for (int64 i = 0; i < steps; ++i) n += i < 4 || i % k == 0;
    return static_cast<double>(n);
  };
  while (computed(interval) > evaluations && interval < steps) ++interval;
  const auto uniform =
      bench.run(full, steps, fmt::format("uniform:interval={}", interval), reference.sampled.x);
  const double speed_up = static_cast<double>(steps) / evaluations;
  const double distance = bench.frechet(run.sampled.x), whole = bench.frechet(reference.sampled.x);
  Outcome outcome;
  outcome.metrics = {{"evaluations", evaluations},
                     {"speed_up", speed_up},
                     {"relative_error", run.relative_error},
                     {"fewer_steps_error", fewer.relative_error},
                     {"uniform_error", uniform.relative_error},
                     {"error_over_fewer_steps", run.relative_error / fewer.relative_error},
                     {"frechet_ratio", distance / whole},
                     {"class_accuracy", bench.accuracy(run.sampled.x)},
                     {"patterns", static_cast<double>(patterns.size())},
                     {"budgeted_error", run.relative_error + (speed_up < 1.5 ? 1 : 0)}};
  return outcome;
}

void adaptive_diffusion_experiment(Experiment& e) {
  e.tune_for("budgeted_error");
  e.arm("third-order")
      .run(skipped_steps)
      .tune("threshold", {0.01, 0.02, 0.03, 0.05, 0.08})
      .tune("max_skip_steps", {1, 4});
  e.claim("1.5 times fewer evaluations", at_least("third-order", "speed_up", 1.5));
  e.claim("a relative error of 5 % at most", at_most("third-order", "relative_error", 0.05));
  e.claim("a Frechet distance within 5 % of the full path's", at_most("third-order", "frechet_ratio", 1.05));
  e.claim("patterns differ between samples", at_least("third-order", "patterns", 2));
  e.claim("closer than fewer steps", at_most("third-order", "error_over_fewer_steps", 1).reported_only());
}

}  // namespace

Paper adaptive_diffusion() {
  return {.slug = "adaptive-diffusion",
          .family = "diffusion",
          .title = "Training-Free Adaptive Diffusion with Bounded Difference Approximation Strategy",
          .authors = "Ye, Yuan, Xia, et al.",
          .venue = "NeurIPS",
          .year = 2024,
          .arxiv = "2410.09873",
          .idea =
              "Where the sizes of a sample's last moves lie on a line, the network's last answer is used "
              "again; the "
              "sampler's step is taken all the same. "
              "Claimed: 2 to 5 times fewer evaluations for the same images.",
          .equations =
              "difference_j = mean |y_{j+1} - y_j|\n"
              "skip the evaluation where |(cur + p2)/2 - p1| <= threshold*p1, at most max_skip_steps times "
              "running",
          .files = {"nn/diffusion/step_skipping.cpp", "nn/diffusion/sampling.cpp"},
          .use = "gradus sample RUN --skip third-order:threshold=0.01",
          .functions = adaptive_diffusion_functions(),
          .experiment = adaptive_diffusion_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
