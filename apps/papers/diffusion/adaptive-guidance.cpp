// Adaptive guidance and LinearAG.
// Paper: Castillo et al., "Adaptive Guidance: Training-free Acceleration of Conditional Diffusion Models", AAAI 2025, arXiv 2312.12487.
//   adaptive: classifier-free guidance until cosine(cond, uncond) >= gamma_bar, then the class alone, by sample
//   linear:   every other unconditional prediction of the first half by regression on the history
// The claims, scale 4 and 20 DDIM steps (40 evaluations under full guidance): adaptive guidance needs at most 32 evaluations and is
// within a third of the error that fewer steps of full guidance make with as many evaluations, with the class asked for as often (to
// 1 %); LinearAG needs at most 28 and is closer than fewer steps. Errors are relative to full guidance from the same noise.
// Setting: MNIST as a mixture of ten Gaussians with its exact denoiser (mixture_bench.h), 600 samples, cosine of image estimates.
// Departures: no trained network here; the search for a policy by gradients is left out.
#include "apps/papers/diffusion/guidance_cases.h"
#include "apps/papers/diffusion/mixture_bench.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"

namespace gradus::paper_entries {
namespace {

Outcome fewer_evaluations(const Trial& trial) {
  const MixtureBench bench(trial, "linear");
  const int64 steps = trial.quick ? 8 : 20;
  const double scale = 4;
  const std::string full = fmt::format("cfg:scale={}", scale), method = trial.word("method");
  const auto reference = bench.run(full, steps);
  const std::string spec =
      method == "linear" ? fmt::format("linear:scale={},ridge={},fit={}", scale, trial.number("ridge"),
                                       trial.quick ? 16 : 200)
                         : fmt::format("adaptive:scale={},gamma_bar={}", scale, trial.number("gamma_bar"));
  const auto run = bench.run(spec, steps, "none", reference.sampled.x);
  const double evaluations = run.sampled.mean_evaluations();
  const auto fewer =
      bench.run(full, std::max<int64>(static_cast<int64>(evaluations / 2), 1), "none", reference.sampled.x);
  const double budget = trial.number("budget");
  Outcome outcome;
  outcome.metrics = {
      {"evaluations", evaluations},
      {"relative_error", run.relative_error},
      {"fewer_steps_error", fewer.relative_error},
      {"error_over_fewer_steps", run.relative_error / fewer.relative_error},
      {"class_accuracy", bench.accuracy(run.sampled.x)},
      {"class_accuracy_lost", bench.accuracy(reference.sampled.x) - bench.accuracy(run.sampled.x)},
      {"frechet_distance", bench.frechet(run.sampled.x)},
      {"full_frechet_distance", bench.frechet(reference.sampled.x)},
      {"budgeted_error", run.relative_error + (evaluations > budget ? 1 : 0)}};
  Curve& guided = outcome.curves["guided_share"];
  guided.x_label = "step";
  const auto rows = static_cast<double>(run.sampled.x.dim(0));
  for (int64 i = 0; i < steps; ++i) {
    double on = 0;
    for (int64 b = 0; b < run.sampled.x.dim(0); ++b)
      on += static_cast<double>(run.sampled.guided[i * run.sampled.x.dim(0) + b]) / rows;
    guided.x.push_back(static_cast<double>(i));
    guided.y.push_back(on);
  }
  return outcome;
}

void adaptive_guidance_experiment(Experiment& e) {
  e.tune_for("budgeted_error");
  e.arm("adaptive")
      .run(fewer_evaluations, {{"method", "adaptive"}, {"budget", "32"}})
      .tune("gamma_bar", {0.98, 0.99, 0.995, 0.999});
  e.arm("linear")
      .run(fewer_evaluations, {{"method", "linear"}, {"budget", "28"}})
      .tune("ridge", {1e-9, 1e-8, 1e-7, 1e-6});
  e.claim("a fifth fewer evaluations", at_most("adaptive", "evaluations", 32));
  e.claim("a third of the error of fewer steps", at_most("adaptive", "error_over_fewer_steps", 1.0 / 3));
  e.claim("the classes asked for as often", at_most("adaptive", "class_accuracy_lost", 0.01));
  e.claim("linear: three tenths fewer evaluations", at_most("linear", "evaluations", 28));
  e.claim("linear: closer than fewer steps", at_most("linear", "error_over_fewer_steps", 1));
}

}  // namespace

Paper adaptive_guidance() {
  return {.slug = "adaptive-guidance",
          .family = "diffusion",
          .title = "Adaptive Guidance: Training-free Acceleration of Conditional Diffusion Models",
          .authors = "Castillo, Kohler, Perez, et al.",
          .venue = "AAAI",
          .year = 2025,
          .arxiv = "2312.12487",
          .idea =
              "ConvertedPrediction with and without the class align along the way: once their cosine is high the "
              "class alone "
              "will do. "
              "Before, every other unconditional one is a linear combination of the history.",
          .equations =
              "cosine(cond, uncond) >= gamma_bar: the class alone from the next step on\n"
              "else uncond + scale*(cond - uncond)\n"
              "(P'P + ridge*mean(diag P'P)*I) beta_i = P' eps_uncond[i],  P = (eps_cond[0..i], "
              "eps_uncond[0..i-1])",
          .files = {"nn/diffusion/adaptive_guidance.cpp", "nn/diffusion/linear_guidance.cpp"},
          .use = "gradus sample RUN --guidance adaptive:scale=4,gamma_bar=0.991 (or linear:scale=4)",
          .functions = adaptive_guidance_functions(),
          .experiment = adaptive_guidance_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
