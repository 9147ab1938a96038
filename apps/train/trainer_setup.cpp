// What a run is made of before its first step: data, what is held out of them, model, optimizer, loaders, schedule; and what
// cannot be trained.
#include <algorithm>

#include "apps/train/fine_tuning.h"
#include "apps/train/losses.h"
#include "apps/train/same_data.h"
#include "apps/train/scaled_groups.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/glob.h"
#include "core/threads.h"
#include "data/class_counts.h"
#include "data/validation.h"
#include "data/views.h"
#include "nn/adapters/registry.h"
#include "nn/fields/loss_watcher.h"
#include "nn/layers/norm.h"
#include "nn/modes.h"
#include "nn/recompute.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus {

int64 block_of(const std::string& model) {
  const DataPlaces defaults;
  for (const auto& [key, text] : parse_spec(model).options)
    if (key == "block") {
      int64 block = defaults.block;
      parse_option(text, &block, at_least(1), "model: block");
      return block;
    }
  return defaults.block;
}

Data open_training_data(const TrainConfig& config, std::vector<std::string>& notes) {
  DataPlaces places{.data_dir = config.data_dir, .block = block_of(config.model)};
  Data data;
  // (A new head has classes of its own.)
  const bool theirs = !config.init.empty() && !config.new_head;
  if (const auto fitted = theirs ? read_origin(init_file(config.init)).data : std::nullopt) try {
      places.fitted = &*fitted;
      data = open_data(config.data, places);
    } catch (const DataError& e) {
      notes.push_back(
          fmt::format("--init {}: {}. The weights start on data that are not theirs", config.init, e.what()));
    }
  places.fitted = nullptr;
  if (!data.test) data = open_data(config.data, places);
  notes.insert(notes.end(), data.info().notes.begin(), data.info().notes.end());
  if (!data.train) fail<UsageError>("data set {}: test = 1 leaves no examples to train on", data.info().name);
  if (!config.limit || *config.limit >= data.train->size()) return data;
  if (data.info().kind == DataKind::kText) fail<UsageError>("--limit is not for text: name a smaller corpus");
  data.train = first_examples(data.train, config.limit);
  return data;
}

void fit_to_data(Model& model, const DatasetPtr& train) {
  constexpr int64 kExamples = 5000;
  if (train->info().kind == DataKind::kText) return;
  const Loader examples(train, {.batch_size = std::min(kExamples, train->size()), .prefetch = 0});
  const Recording off(false);
  model.prepare(input_of(examples.make({})));
}

void freeze(const Parameters& parameters, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (const auto& p : parameters) {
      if (!glob_match(pattern, p->name)) continue;
      p->frozen = found = true;
    }
    if (found) continue;
    std::vector<std::string> names;
    for (const auto& p : parameters) names.push_back(p->name);
    fail<UsageError>("--freeze: no parameter matches '{}'; there are: {}", pattern, fmt::join(names, ", "));
  }
  if (std::all_of(parameters.begin(), parameters.end(), [](const auto& p) { return p->frozen; }))
    fail<UsageError>("--freeze {}: no parameter is left to train", fmt::join(patterns, " --freeze "));
}

Trainer::Trainer(const TrainConfig& config, Communicator& ranks)
    : Trainer((check(config), config), Data(), ranks) {}

Trainer::Trainer(const TrainConfig& config, Data data, Communicator& ranks)
    : Trainer(config, std::move(data), std::shared_ptr<Model>(), ranks) {}

Trainer::Trainer(const TrainConfig& config, Data data, Model& model)
    : Trainer(config, std::move(data), std::shared_ptr<Model>(&model, [](Model*) {}),  // (not ours to delete)
              one_process()) {}

Trainer::Trainer(const TrainConfig& config, Data data, std::shared_ptr<Model> model, Communicator& ranks)
    : config_(config), ranks_(ranks), model_(std::move(model)) {
  const bool opened = data.train == nullptr;
  data_ = opened ? open_training_data(config, notes_) : std::move(data);
  if (!model_) model_ = make_model(config.model, data_shape(data_.info()), Rng(seed()));
  metric_ = &deciding_metric(config.metric, model_->task(), data_.info());
  if (opened) hold_out_examples();
  if (config.batch_size.adaptive()) adaptive_ = config.batch_size.rule();
  examples_ = data_.train->size();
  make_trained_parts();
  make_gradient();
  make_selection();
  make_division();
  const bool balanced = config.sampler == "balanced";
  if (balanced && !config.shuffle)
    fail<UsageError>("--sampler balanced draws examples in random order: it takes no --no-shuffle");
  if (optimizer_->needs().second_batch)
    second_ = std::make_unique<Loader>(data_.train, LoaderOptions{.batch_size = config.batch_size,
                                                                  .shuffle = true,
                                                                  .balanced = balanced,
                                                                  .drop_last = config.drop_last,
                                                                  .seed = Rng(seed()).fork("second").bits64(),
                                                                  .prefetch = 0});
  if (optimizer_->needs().full_gradient)
    all_ = std::make_unique<Loader>(
        data_.train,
        LoaderOptions{.batch_size = config_.batch_size, .drop_last = config.drop_last, .prefetch = 0});
  loader_ = std::make_unique<Loader>(data_.train,
                                     LoaderOptions{.batch_size = adaptive_ ? 1 : int64{config.batch_size},
                                                   .shuffle = config.shuffle,
                                                   .balanced = balanced,
                                                   .drop_last = config.drop_last,
                                                   .seed = seed(),
                                                   .augment = parse_augmentation(config.augment)});
  const int64 together = adaptive_ ? adaptive_->first : config.accumulate;
  steps_per_epoch_ = (loader_->batches_per_epoch() + together - 1) / together;
  const int64 steps = config.steps ? *config.steps : config.epochs.value_or(5) * steps_per_epoch_;
  length_ = adaptive_ ? config.epochs.value_or(5) * examples_ : steps;
  // (A run of no steps has a length too; 0 would say that it is unknown.)
  schedule_ = make_schedule(config.schedule, {std::max<int64>(steps, 1), steps_per_epoch_});
  schedule_start_ = schedule_->save_state();
  check_trainable();
}

void Trainer::hold_out_examples() {
  const std::string unbalanced = imbalance_note(*data_.train);
  if (!unbalanced.empty() && config_.class_weights.empty() && config_.sampler == "plain" &&
      config_.focal == 0)
    notes_.push_back(unbalanced);
  const int64 all = data_.train->size();
  const char* unit = data_.info().kind == DataKind::kText ? "windows" : "examples";
  if (config_.validation > 0) {
    HeldOut parts = hold_out(data_.train, config_.validation);
    data_.train = std::move(parts.train);
    validation_ = std::move(parts.held);
  }
  if (validation_)
    notes_.push_back(fmt::format(
        "the best weights are chosen by {} on {} of the {} training {}, held out (--validation 0 trains "
        "on all, and the test set decides)",
        metric_->name, validation_->size(), all, unit));
  else
    notes_.push_back(fmt::format("the best weights are chosen by {} on the test set{}", metric_->name,
                                 config_.validation > 0
                                     ? fmt::format(": of {} training {} too few would be held out", all, unit)
                                     : std::string()));
}

void Trainer::make_trained_parts() {
  freeze(parameters_ = model_->parameters(), config_.freeze);
  freeze_layers(parameters_, config_.freeze_layers);
  if (std::all_of(parameters_.begin(), parameters_.end(), [](const auto& p) { return p->frozen; }))
    fail<UsageError>("--freeze-layers {}: with --freeze {} no parameter is left to train",
                     config_.freeze_layers, fmt::join(config_.freeze, " --freeze "));
  parametrisation_ = parametrise(config_.param, *model_);
  notes_.insert(notes_.end(), parametrisation_.notes.begin(), parametrisation_.notes.end());
  if (parametrisation_.for_adam) check_steps_of_own_size(config_.optim);
  if (!config_.init.empty()) {
    if (parametrisation_.wants_drawn_weights)
      fail<UsageError>("--param {}: its norms are those of the weights drawn first; it takes no --init",
                       config_.param);
    // Files hold weights as the layers compute with them.
    for (const auto& [name, value] : effective_state_dict(*model_))
      if (const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                          [&, n = name](const auto& p) { return p->name == n; });
          found != parameters_.end())
        (*found)->value.copy_from(value.clone());
    start_from(config_, *model_, notes_);
    parametrisation_.unfold(*model_);
  }
  if (!config_.adapter.empty()) {
    attach_adapters(*model_, config_.adapter, Rng(seed()).fork("adapter"));
    freeze(parameters_ = model_->parameters(), config_.freeze);
    notes_.push_back(fmt::format("--adapter {}: {}", config_.adapter, count_parameters(*model_).str()));
  }
  if (config_.recompute) in_flag("--recompute", [&] { recompute_blocks(*model_); });
  late_ = late_freezes(parameters_, config_.freeze_after);
  std::vector<GroupSpec> groups;
  for (const std::string& text : config_.group) groups.push_back(parse_group(text));
  in_flag("--group", [&] { check_groups(groups, parameters_); });
  optimizer_ = make_optimizer(effective_optim(config_), parameters_, groups);
  OptionFactors factors = parametrisation_.factors;
  if (config_.layer_decay < 1) {
    factors.resize(parameters_.size());
    const std::vector<double> decay = layer_decay_factors(parameters_, config_.layer_decay);
    for (size_t i = 0; i < factors.size(); ++i) factors[i].emplace("lr", 1).first->second *= decay[i];
  }
  if (!factors.empty())
    optimizer_ = make_optimizer(effective_optim(config_), parameters_,
                                scaled_groups(parameters_, groups, factors, *optimizer_,
                                              config_.layer_decay < 1 ? "--layer-decay" : "--param"));
  class_loss_ = {.label_smoothing = config_.label_smoothing, .focal = config_.focal};
  in_flag("--loss", [&] { class_loss_.own = make_loss(config_.loss); });
  if (model_->task() != Task::kClassification) {
    for (const auto& [given, flag] :
         {std::pair{!config_.class_weights.empty(), "--class-weights"},
          std::pair{config_.sampler != "plain", "--sampler"}, std::pair{config_.focal > 0, "--focal"}})
      if (given)
        fail<UsageError>("{}: is for classifiers; {} is for {}", flag, model_->spec(),
                         task_name(model_->task()));
    return;
  }
  in_flag("--class-weights",
          [&] { class_loss_.weights = class_weights(config_.class_weights, *data_.train); });
}

void Trainer::make_gradient() {
  in_flag("--gradient",
          [&] { gradient_ = make_gradient_method(config_.gradient, *model_, Rng(seed()).fork("gradient")); });
  if (!gradient_) return;
  parts_.push_back({"gradient", [this] { return gradient_->save_state(); },
                    [this](const SavedState& s) { gradient_->load_state(s); }});
  parts_start_.push_back(gradient_->save_state());
  const auto mebibytes = [](int64 bytes) {
    return fmt::format("{:.3g}", static_cast<double>(bytes) / (1 << 20));
  };
  int64 all = 0;
  std::vector<std::string> layers;
  for (const LayerMemory& m : layer_memory(*model_, config_.batch_size)) {
    all += m.bytes;
    layers.push_back(fmt::format("{} {}", m.name.empty() ? "(model)" : m.name, mebibytes(m.bytes)));
  }
  notes_.push_back(
      fmt::format("the gradient is {}; passes a step: {}; no tape is kept: backprop would keep up to {} MiB "
                  "of outputs a batch ({})",
                  gradient_->spec(), gradient_->cost(), mebibytes(all), fmt::join(layers, ", ")));
}

void Trainer::make_division() {
  if (ranks_.alone() && !config_.deterministic) return;
  const int64 world = ranks_.size();
  if (world > 1) check_divisible(config_, fmt::format("training by {} ranks", world));
  if (dynamic_cast<LossWatcher*>(model_.get()))
    fail<UsageError>(
        "model {} learns from the targets of whole batches: one process trains it, without --deterministic",
        config_.model);
  if (config_.deterministic && config_.batch_parts < world)
    fail<UsageError>("--batch-parts {}: there are {} ranks, and each needs a part", config_.batch_parts,
                     world);
  division_ = Division{.ranks = &ranks_,
                       .parts = config_.deterministic ? config_.batch_parts : 0,
                       .statistics_of_all = config_.batch_norm != "rank"};
  if (world == 1) return;
  notes_.push_back(fmt::format(
      "{} ranks, {} threads each, share every batch of {}; {}", world, threads(),
      static_cast<int64>(config_.batch_size),
      config_.deterministic
          ? fmt::format("summed in {} parts: the same bytes for any number of ranks", config_.batch_parts)
          : std::string("results are those of one process to rounding")));
}

void Trainer::agree_on_start() {
  if (ranks_.alone()) return;
  check_same_data(ranks_, data_);
  for (const auto& [name, tensor] : state_dict(*model_)) {
    Tensor value = tensor;
    ranks_.broadcast(std::span(value.mutable_data(), static_cast<size_t>(value.numel())));
  }
}

void Trainer::make_selection() {
  in_flag("--select", [&] { selector_ = make_selector(config_.select); });
  if (!selector_) return;
  parts_.push_back({"select",
                    [this] {
                      const SelectorState s = selector_->save_state();
                      return SavedState{s.tensors, s.scalars};
                    },
                    [this](const SavedState& s) {
                      selector_->load_state({s.scalars, s.tensors});
                    }});
  parts_start_.push_back(parts_.back().save());
}

void Trainer::check_trainable() {
  const Task task = model_->task();
  if (schedule_->watches_score() && task != Task::kClassification && task != Task::kLanguageModel)
    fail<UsageError>("--schedule {}: it watches the accuracy, and {} has none", config_.schedule,
                     task_name(task));
  const auto serve = [&] {
    require(optimizer_->needs(),
            division_ ? DividedObjective::offered()
                      : ModelObjective::offers(*model_, config_.accumulate > 1 || adaptive_, sources(),
                                               gradient_.get(), selector_ != nullptr),
            optimizer_->name());
  };
  if (division_)
    in_flag(ranks_.alone() ? "--deterministic" : fmt::format("training by {} ranks", ranks_.size()), serve);
  else if (gradient_)
    in_flag("--gradient " + config_.gradient, serve);
  else if (selector_)
    in_flag("--select " + config_.select, serve);
  else
    serve();
  // Batch norm has no statistics of a single value: its variance is not defined, and in the limit the output is the bias
  // whatever the example is, which would be trained on without a word.
  const int64 size = data_.train->size(), batch = config_.batch_size, left = size % batch;
  if (adaptive_) return;
  if (division_) return check_parts();
  const bool single = batch == 1 || size == 1 || (left == 1 && !config_.drop_last);
  if (!single || data_.info().kind == DataKind::kText) return;
  try {
    probe(loader_->make({0, loader_->batches_per_epoch() - 1}));
  } catch (const ShapeError& e) {
    if (batch == 1 || size == 1)
      fail<UsageError>("--batch-size {}: the model cannot be trained on one example at a time: {}", batch,
                       e.what());
    fail<UsageError>(
        "--batch-size {}: of {} examples it leaves a last batch of one, on which the model cannot be trained "
        "({}); "
        "--drop-last leaves it out, or take another size",
        batch, size, e.what());
  }
}

// Whether batch norm can take its statistics where batches are divided: over all ranks each must have a part, and over a part
// alone it must have two values.
void Trainer::check_parts() {
  bool norm = false;
  model_->visit([&](Module& m, const std::string&) { norm = norm || dynamic_cast<BatchNorm2d*>(&m); });
  if (!norm) return;
  const int64 size = data_.train->size(), batch = config_.batch_size, world = ranks_.size();
  const bool over_all = !division_->parts && division_->statistics_of_all;
  for (const int64 n : {std::min(batch, size), config_.drop_last ? batch : (size - 1) % batch + 1}) {
    const char* remedy = n < batch ? "; --drop-last leaves it out" : "";
    if (over_all && n < world)
      fail<UsageError>("--batch-size {}: a batch of {} examples is too small for batch norm over {} ranks{}",
                       batch, n, world, remedy);
    const int64 parts = std::min(division_->parts ? division_->parts : world, n);
    if (over_all || n / parts > 1) continue;
    try {
      probe(rows_of(loader_->make({0, 0}), 0, 1));
    } catch (const ShapeError& e) {
      fail<UsageError>("--batch-size {}: of a batch of {} examples, {} parts have one alone ({}){}", batch, n,
                       parts, e.what(), remedy);
    }
  }
}

void Trainer::probe(const Batch& batch) {
  const ModeScope training(*model_, true);
  const Reevaluation again(*model_, model_->run().rng.state());
  const Recording off(false);
  (*model_)(input_of(batch));
}

}  // namespace gradus
