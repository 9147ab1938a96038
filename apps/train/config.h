// What a training run is: everything that decides its result. The one place where its settings are named; flags,
// --config, --print-config and a run's config.json are made of it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/train/batch_size.h"
#include "core/options.h"

namespace gradus {

/// The words of --metric (apps/train/scores.h).
Limits metric_choices();

struct TrainConfig {
  std::string data = "digits", model = "mlp", param = "standard", optim = "adam", companion, schedule = "wsd",
              loss = "task";
  std::optional<int64> epochs, steps;
  BatchSize batch_size = 64;
  int64 accumulate = 1;
  int64 seed = 0;
  int threads = 0;
  bool shuffle = true, drop_last = false;
  bool recompute = false;
  bool deterministic = false;
  int64 batch_parts = 12;
  std::string batch_norm = "auto";
  std::string gradient = "backprop", select = "all";
  std::string augment;
  std::optional<int64> limit;
  std::string data_dir;
  double validation = 0.1;
  std::string metric = "auto";
  double label_smoothing = 0;
  std::string class_weights, sampler = "plain";
  double focal = 0;
  std::optional<double> clip_norm, clip_value, ema;
  std::vector<std::string> group, freeze, freeze_after;
  int64 freeze_layers = 0;
  double layer_decay = 1;
  std::string init;
  std::vector<std::string> init_rename;
  bool init_partial = false, new_head = false;
  std::string adapter;
  std::optional<int64> save_every, eval_every, early_stop;
  bool log_grad_norms = false;
  std::string save;
  bool tensorboard = false;

  void visit(auto&& f) {
    f("data", data, "data set, NAME[:key=value,...], a value with a comma in double quotes; see 'data list'");
    f("model", model, "model, NAME[:key=value,...]; see 'model list'");
    f("param", param,
      "how the layers stand on the weights, NAME[:key=value,...]: standard, mup, conditioned; see 'model "
      "parametrisations'");
    f("optim", optim, "optimizer, NAME[:key=value,...]; see 'optim list'");
    f("companion", companion,
      "optimizer of vectors, embeddings and heads, so that --optim has the weight matrices alone");
    f("schedule", schedule,
      "factor on the step size, NAME[:key=value,...]; see 'optim schedules'. wsd falls over the last fifth "
      "of the steps");
    f("loss", loss,
      "what is trained with, NAME[:key=value,...]; see 'model losses'. task: cross-entropy or squared error; "
      "scores "
      "stay those of the task. Of pairs of responses (--data pairs:path=FILE.jsonl): dpo[:beta=0.1,...]");
    f("epochs", epochs, "passes over the training set; 5 unless --steps is given", at_least(0));
    f("steps", steps, "optimizer steps, instead of --epochs", at_least(0));
    f("batch_size", batch_size.text,
      "examples a batch, or adaptive[:first=8,most=4096,test=norm,eta=0.5,...]: batches grow as the variance "
      "of "
      "the gradient asks");
    f("accumulate", accumulate, "batches whose mean gradient makes one step", at_least(1));
    f("seed", seed, "of initial weights, order, dropout, augmentation", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("recompute", recompute,
      "compute the activations of blocks again in the backward pass instead of keeping them: less memory, a "
      "third more "
      "time, the same bytes");
    f("shuffle", shuffle, "take the training examples in the order of the files");
    f("drop_last", drop_last, "leave out the last batch of an epoch where it is smaller than the others");
    f("deterministic", deterministic,
      "the same bytes for any number of ranks (mpirun): a batch is computed in --batch-parts parts, summed "
      "in a "
      "fixed order in double; one thread a rank unless --threads says otherwise");
    f("batch_parts", batch_parts,
      "with --deterministic: parts of each batch, which the ranks divide among themselves; at least as many "
      "as ranks",
      at_least(1));
    f("batch_norm", batch_norm,
      "over which examples batch norm takes its statistics where ranks share a batch: all of the batch, or "
      "each "
      "rank's own; auto: all, with --deterministic those of each part",
      choices({"auto", "all", "rank"}));
    f("gradient", gradient,
      "how a step gets its gradient, NAME[:key=value,...]: backprop, or without a tape forward, "
      "local-forward, "
      "likelihood-ratio; see 'optim gradients'");
    f("select", select,
      "which examples of a batch are trained on, NAME[:key=value,...]: all, or by their losses adaptive-k, "
      "small-loss, trimmed-loss (wrong labels); see 'data selectors'");
    f("augment", augment, "changes to the training images, e.g. 'pad-crop,flip'; see 'data augmentations'");
    f("limit", limit, "train on the first N examples only", at_least(1));
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("validation", validation,
      "part of the training examples, at most 5000, that is held out to choose the best weights, the time to "
      "stop "
      "early and what schedules watch; 0: trains on all of them, and the test set decides",
      Limits{.low = 0, .high = 1, .high_open = true});
    f("metric", metric, "the score by which weights are best; auto: accuracy, else loss", metric_choices());
    f("label_smoothing", label_smoothing, "share of the target spread over all classes", decay_rate());
    f("class_weights", class_weights,
      "factors on the loss of each class: balanced (n / (classes * examples of the class)) or cat=1,dog=5");
    f("sampler", sampler, "which examples an epoch has: plain, each once; balanced, each class equally many",
      choices({"plain", "balanced"}));
    f("focal", focal,
      "focal loss with this exponent (Lin et al. 2017 take 2), by which sure examples count less",
      at_least(0));
    f("clip_norm", clip_norm, "largest norm of the gradient over all parameters", positive());
    f("clip_value", clip_value, "largest size of an element of the gradient", positive());
    f("ema", ema, "evaluate and save a running mean of the weights with this decay, e.g. 0.999",
      decay_rate());
    f("group", group, "other options for some parameters, 'GLOB:lr=1e-4,...' or 'kind=bias+norm:...'");
    f("freeze", freeze, "parameters that are not trained, by name ('conv*')");
    f("freeze_after", freeze_after,
      "parameters that are trained in the first epochs only, 'GLOB=EPOCHS' ('whiten.bias=3')");
    f("freeze_layers", freeze_layers,
      "the first N layers (blocks) are not trained; -N: all but the last N; 'model show NAME' numbers them");
    f("layer_decay", layer_decay,
      "factor on the step size from each layer (block) to the one below it, the last one has all of it: e.g. "
      "0.75",
      Limits{.low = 0, .high = 1, .low_open = true});
    f("init", init,
      "weights to start from (safetensors, or the directory of a run); a last layer of another shape starts "
      "afresh");
    f("init_rename", init_rename,
      "names in the file of --init that begin with FROM begin with TO here, 'FROM=TO' ('backbone.=')");
    f("init_partial", init_partial,
      "take what fits of --init by name and shape; all else starts afresh, and is named");
    f("new_head", new_head, "start the last layer afresh even where that of --init would fit");
    f("adapter", adapter,
      "train this and the last layer alone, beside the weights of --init, NAME[:key=value,...]; see 'adapter "
      "list'");
    f("save_every", save_every, "steps between checkpoints; else one an epoch", at_least(1));
    f("eval_every", eval_every, "steps between evaluations; else one an epoch", at_least(1));
    f("early_stop", early_stop, "stop after this many evaluations without a better one", at_least(1));
    f("log_grad_norms", log_grad_norms,
      "write the norms of every batch's gradient to grad_norms.csv of the run");
    f("save", save, "also write the trained weights to this file (.safetensors or .npz)");
    f("tensorboard", tensorboard, "also write the metrics as TensorBoard event files into the run directory");
  }
};

/// Throws UsageError, naming the flag, for unknown names, options and values and for settings that contradict each other.
/// Opens no file.
void check(const TrainConfig& config);
/// Throws UsageError, opened by `why`, for settings that need a whole batch in one place.
void check_divisible(const TrainConfig& config, const std::string& why);
/// Calls f; a UsageError that does not begin with a flag is opened by this one.
void in_flag(const std::string& flag, const std::function<void()>& f);

/// The settings of the same run from any folder: relative paths become absolute, among them that of the folder in which a
/// data set is found that was named without one.
TrainConfig with_absolute_paths(TrainConfig config);
/// `to` (of --config or of a run) loses its length where `given` has one, in either unit: what is given wins.
void replace_length(TrainConfig& to, const OptionList& given);

/// config.json of a run, and what --print-config prints. --config takes it back.
nlohmann::ordered_json config_json(const TrainConfig& config);
/// Applies the keys of a --config file over `config`. Throws UsageError, opened by `file`, for unknown keys and
/// bad values.
void apply_config_json(TrainConfig& config, const nlohmann::json& json, const std::string& file);

/// The optimizer as trained with: --companion goes beside the innermost rule of --optim; --clip-norm, --clip-value and
/// --ema wrap it, in this order. Throws UsageError for a companion of an optimizer that has one.
std::string effective_optim(const TrainConfig& config);

/// Throws UsageError if `given` names a setting that a resumed run cannot change (a change would make it another
/// run). It can: epochs, steps, threads, save_every, eval_every, early_stop, save, data_dir,
/// tensorboard.
void check_resumable(const OptionList& given);
/// The same for another command, whose runs may change these settings.
void check_resumable(const OptionList& given, const std::vector<std::string>& changeable);

}  // namespace gradus
