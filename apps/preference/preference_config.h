// What a run on pairs of responses is: everything that decides its result. The one place where its settings are named.
#pragma once

#include <string>

#include "core/options.h"
#include "nn/alignment/preference_losses.h"

namespace gradus {

/// What a run is: those settings of `gradus train` that pairs know, under the same names, and the loss.
struct PreferenceConfig {
  std::string data, loss = "dpo", model, optim = "adamw:lr=1e-4", schedule = "constant";
  std::optional<int64> epochs, steps;
  int64 batch_size = 16;
  int64 seed = 0;
  int threads = 0;
  double validation = 0.1;
  std::optional<double> clip_norm;
  std::string init;
  std::optional<int64> save_every, eval_every;
  std::string save;

  void visit(auto&& f) {
    f("data", data, "pairs:path=FILE.jsonl, lines of prompt, chosen and rejected");
    f("loss", loss, "dpo[:beta=0.1,label_smoothing=0,reduction=sum]");
    f("model", model, "model of text; that of --init unless given");
    f("optim", optim, "optimizer, NAME[:key=value,...]");
    f("schedule", schedule, "factor on the step size, NAME[:key=value,...]");
    f("epochs", epochs, "passes over the pairs; 1 unless --steps is given", at_least(0));
    f("steps", steps, "optimizer steps, instead of --epochs", at_least(0));
    f("batch_size", batch_size, "pairs a step", at_least(1));
    f("seed", seed, "of initial weights, order and held-out pairs", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("validation", validation, "part of the pairs that is held out and scored",
      Limits{.low = 0, .high = 1, .high_open = true});
    f("clip_norm", clip_norm, "largest norm of the gradient over all parameters", positive());
    f("init", init, "weights to start from, and the reference (safetensors, or the directory of a run)");
    f("save_every", save_every, "steps between checkpoints; else one an epoch", at_least(1));
    f("eval_every", eval_every, "steps between evaluations; else one an epoch", at_least(1));
    f("save", save, "also write the trained weights to this file (.safetensors or .npz)");
  }
};
/// The command under which such runs are recorded.
inline constexpr const char* kPreferenceRun = "train-pairs";

/// The options of --loss. Throws UsageError naming the valid losses.
DpoOptions dpo_options(const std::string& loss);

/// The settings of the same run from any folder: relative paths become absolute.
PreferenceConfig with_absolute_paths(PreferenceConfig config);

}  // namespace gradus
