// SGG.
// Paper: Li, Tian, Wang, Jin, Liu, Zhang, Xu, "Taming LLMs by Scaling Learning Rates with Gradient Grouping", ACL 2025, arXiv 2506.01049.
//   every T steps the entries of a layer's momentum are grouped by size (K clusters)
//   D_c = median of |m_i - mean(m)| in cluster c,  D = median of all D_c,  S_c = running mean of clip(D/D_c, 0.1, 10)
//   an entry moves S_c times as far
// The claims at our scale: a transformer ends no higher than with AdamW at the best step size of each, and rises less at three and ten
// times that step size.
// Departures: two layers on characters in place of LLaMA; T = 50 and beta3 = 0.9, so that scales move in 500 steps.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/plan.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

Outcome sgg_run(const Trial& trial) {
  TrainConfig config = small_language_model();
  config.schedule = "cosine:warmup=25";
  const auto at = [&](double lr) {
    config.optim = trial.word("optim");
    set_tuned(config, "lr", fmt::format("{}", lr));
    return trial.train(config);
  };
  const double lr = trial.number("lr");
  Outcome outcome = at(lr);
  if (trial.tuning || outcome.diverged) return outcome;
  const double best = outcome.metrics.at("test_loss");
  for (const int factor : {3, 10}) {
    const Outcome larger = at(lr * factor);
    outcome.metrics[fmt::format("rise{}_loss", factor)] =
        larger.diverged ? 10 : larger.metrics.at("test_loss") - best;
  }
  return outcome;
}

void sgg_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const char* optim) {
    e.arm(name).run(sgg_run, {{"optim", optim}}).tune("lr", {1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2});
  };
  arm("sgg", "sgg(adamw:weight_decay=0,beta2=0.99):recluster_interval=50,beta3=0.9");
  arm("adamw", "adamw:weight_decay=0,beta2=0.99");
  e.tune_for("test_loss");
  e.seeds(4);
  e.claim("test loss not above AdamW's", not_worse("sgg", "adamw", "test_loss", 0));
  for (const char* factor : {"3", "10"})
    e.claim(fmt::format("at {} times the step size it rises less", factor),
            better("sgg", "adamw", fmt::format("rise{}_loss", factor)));
}

}  // namespace

Paper sgg() {
  return {.slug = "sgg",
          .family = "layerwise",
          .title = "Taming LLMs by Scaling Learning Rates with Gradient Grouping",
          .authors = "Li, Tian, Wang et al.",
          .venue = "ACL",
          .year = 2025,
          .arxiv = "2506.01049",
          .idea =
              "Momenta of a layer are clustered by size, and steps scaled by cluster, so that "
              "layers and groups progress evenly. Claimed: better results with any Adam-like rule, "
              "and robustness to large step sizes.",
          .equations =
              "clusters of |m|, K a layer, every T steps\n"
              "S_c = beta3*S_c + (1-beta3)*clip(D/D_c, 0.1, 10),  D_c = median |m - mean(m)| in c, D the "
              "median of all D_c\n"
              "w = w - S_label*lr*direction",
          .files = {"optim/wrappers/sgg.cpp"},
          .use = "gradus train --optim 'sgg(adamw:lr=1e-3)'",
          .experiment = sgg_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
