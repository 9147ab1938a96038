// Schedules by refinement.
// Paper: Defazio, Cutkosky, Mehta, Mishchenko, "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement", 2023,
//        arXiv 2310.07831.
//   linear decay: lr*(1 - t/T)
//   refined by the gradient norms G of an earlier run: Ghat = median filter of G,  w_t = Ghat_t^-p,  eta_t = w_t * sum_{q>t} w_q,
//   schedule = eta/max eta       L2 norms and p = 2 for SGD, L1 norms and p = 1 for Adam
// The claims at our scale, for SGD and for Adam, each schedule with its own best step size: the training loss of linear decay is no
// higher than that of cosine decay by more than a tenth, and lower than those of steps and of a constant; refined schedules end at or
// below linear decay.
// Departures: a perceptron on 10,000 images of Fashion-MNIST in place of ten problems; the earlier run is one of linear decay with the
// same step size and seed.
// Tried before: 5,000 images of MNIST, 6 epochs, the loss of the last epoch on the way (refined over linear 2.42 for SGD, 2.33 for Adam);
// 10,000 images of MNIST, 8 epochs, one tuning seed (0.79, 0.67 to 0.93, for SGD; 1.42, 1.30 to 1.55, for Adam, whose losses of 0.01 mean
// that gradients all but vanish, and the schedule is the largest where they do); 30,000 images of MNIST, 4 epochs (3.4, 1.2 to 9.3, for SGD,
// whose step size for the refined schedule, 0.8, diverged for one of six seeds; 1.07, 1.03 to 1.10, for Adam; there
// too linear decay was below cosine, steps and constant).
#include <filesystem>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"
#include "apps/train/evaluate.h"
#include "apps/train/trainer.h"
#include "core/atomic_file.h"

namespace gradus::paper_entries {
namespace {

Outcome refinement_run(const Trial& trial) {
  TrainConfig config{.data = "fashion-mnist:limit=10000",
                     .model = "mlp:hidden=100-100",
                     .schedule = trial.word("schedule"),
                     .epochs = 8,
                     .batch_size = 128,
                     .eval_every = kAtTheEnd};
  config.optim = trial.word("optim") + ":lr=" + trial.word("lr");
  // Of the last weights over all training images.
  const DatasetPtr images = trial.data(config.data).train;
  const auto final_loss = [&](Trainer& trainer, Outcome& outcome) {
    outcome.metrics["train_loss"] = evaluate(trainer.model(), images)->loss();
  };
  if (config.schedule != "refined") return trial.train(config, final_loss);
  const bool adam = trial.word("optim") == "adam";
  const std::string norms =
      trial.base(fmt::format("{}{}{}-{}-{}.norms", trial.quick ? "quick-" : "", trial.tuning ? "tuning-" : "",
                             trial.word("optim"), trial.word("lr"), trial.seed),
                 [&](const std::string& path) {
                   TrainConfig earlier = config;
                   earlier.schedule = "linear";
                   earlier.log_grad_norms = true;
                   const Outcome run = trial.train(earlier);
                   const auto curve = run.curves.find(adam ? "grad_norm_l1" : "grad_norm_l2");
                   std::string text;
                   if (curve != run.curves.end())
                     for (const double norm : curve->second.y) text += fmt::format("{}\n", norm);
                   write_file(path, text);
                 });
  if (std::filesystem::file_size(norms) == 0) {
    Outcome outcome;
    outcome.diverged = true;
    outcome.note = "the earlier run diverged";
    return outcome;
  }
  config.schedule = fmt::format("refined:norms={},p={}", norms, adam ? 1 : 2);
  return trial.train(config, final_loss);
}

void schedule_refinement_experiment(Experiment& e) {
  const std::pair<const char*, std::vector<double>> rules[] = {{"sgd", {0.1, 0.2, 0.4, 0.8, 1.6}},
                                                               {"adam", {1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2}}};
  const std::pair<const char*, const char*> schedules[] = {{"constant", "constant"},
                                                           {"steps", "multistep:milestones=4-6"},
                                                           {"cosine", "cosine"},
                                                           {"linear", "linear"},
                                                           {"refined", "refined"}};
  for (const auto& [rule, lr] : rules)
    for (const auto& [name, schedule] : schedules)
      e.arm(fmt::format("{}-{}", rule, name))
          .run(refinement_run, {{"optim", rule}, {"schedule", schedule}})
          .tune("lr", lr);
  e.tune_for("train_loss");
  e.seeds(6, 2);
  for (const auto& [rule, lr] : rules) {
    const auto named = [&](const char* schedule) { return fmt::format("{}-{}", rule, schedule); };
    e.claim(fmt::format("{}: training loss with linear decay at most 1.1 times that with cosine", rule),
            ratio_at_most(named("linear"), named("cosine"), "train_loss", 1.1));
    for (const char* other : {"steps", "constant"})
      e.claim(fmt::format("{}: linear decay below {}", rule, other),
              ratio_at_most(named("linear"), named(other), "train_loss", 1));
    e.claim(fmt::format("{}: the refined schedule not above linear decay", rule),
            ratio_at_most(named("refined"), named("linear"), "train_loss", 1));
  }
}

}  // namespace

Paper schedule_refinement() {
  return {
      .slug = "schedule-refinement",
      .family = "stepsize",
      .title = "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement",
      .authors = "Defazio, Cutkosky, Mehta et al.",
      .venue = "arXiv",
      .year = 2023,
      .arxiv = "2310.07831",
      .idea =
          "Bounds on the last iterate say which schedule fits given gradient norms: linear decay where they "
          "are constant. Claimed: "
          "linear decay matches or beats the usual schedules, and one refined by a run's norms, with warm-up "
          "and annealing of its "
          "own, is better still.",
      .equations =
          "Ghat = median filter of the norms of an earlier run,  w_t = Ghat_t^-p\n"
          "eta_t = w_t * sum_{q>t} w_q\n"
          "schedule_t = eta_t/max eta",
      .files = {"optim/methods/refinement.cpp", "optim/schedule.cpp"},
      .use = "gradus train --log-grad-norms --out RUN, then --schedule refined:norms=RUN/grad_norms.csv,p=1",
      .experiment = schedule_refinement_experiment,
      .minutes = 2};
}

}  // namespace gradus::paper_entries
