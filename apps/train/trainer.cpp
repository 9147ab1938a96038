#include "apps/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "apps/train/evaluate.h"
#include "apps/train/fine_tuning.h"
#include "apps/train/scaled_groups.h"
#include "core/allocator.h"
#include "core/error.h"
#include "core/glob.h"
#include "core/threads.h"
#include "data/class_counts.h"
#include "data/validation.h"
#include "data/views.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::uint64_t seed_of(const TrainConfig& config) { return static_cast<std::uint64_t>(config.seed); }

}  // namespace

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
  std::vector<int64> first(static_cast<size_t>(*config.limit));
  std::iota(first.begin(), first.end(), int64{0});
  data.train = subset(data.train, std::move(first));
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

Trainer::Trainer(const TrainConfig& config) : Trainer((check(config), config), Data()) {}

Trainer::Trainer(const TrainConfig& config, Data data) : config_(config) {
  const bool opened = data.train == nullptr;
  data_ = opened ? open_training_data(config, notes_) : std::move(data);
  model_ = make_model(config.model, data_shape(data_.info()), Rng(seed_of(config)));
  metric_ = &deciding_metric(config.metric, model_->task(), data_.info());
  if (opened) hold_out_examples();
  if (config.batch_size.adaptive()) adaptive_ = config.batch_size.rule();
  examples_ = data_.train->size();
  make_trained_parts();
  make_gradient();
  const bool balanced = config.sampler == "balanced";
  if (balanced && !config.shuffle)
    fail<UsageError>("--sampler balanced draws examples in random order: it takes no --no-shuffle");
  if (optimizer_->needs().second_batch)
    second_ = std::make_unique<Loader>(data_.train,
                                       LoaderOptions{.batch_size = config.batch_size,
                                                     .shuffle = true,
                                                     .balanced = balanced,
                                                     .drop_last = config.drop_last,
                                                     .seed = Rng(seed_of(config)).fork("second").bits64(),
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
                                                   .seed = seed_of(config),
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
  in_flag("--gradient", [&] {
    gradient_ = make_gradient_method(config_.gradient, *model_, Rng(seed_of(config_)).fork("gradient"));
  });
  if (!gradient_) return;
  gradient_start_ = gradient_->save_state();
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

void Trainer::check_trainable() {
  const Task task = model_->task();
  if (schedule_->watches_score() && task != Task::kClassification && task != Task::kLanguageModel)
    fail<UsageError>("--schedule {}: it watches the accuracy, and {} has none", config_.schedule,
                     task_name(task));
  const auto serve = [&] {
    require(optimizer_->needs(),
            ModelObjective::offers(*model_, config_.accumulate > 1 || adaptive_, sources(), gradient_.get()),
            optimizer_->name());
  };
  if (gradient_)
    in_flag("--gradient " + config_.gradient, serve);
  else
    serve();
  // Batch norm has no statistics of a single value: its variance is not defined, and in the limit the output is the bias
  // whatever the example is, which would be trained on without a word.
  const int64 size = data_.train->size(), batch = config_.batch_size, left = size % batch;
  if (adaptive_) return;
  const bool single = batch == 1 || size == 1 || (left == 1 && !config_.drop_last);
  if (!single || data_.info().kind == DataKind::kText) return;
  const ModeScope training(*model_, true);
  const Reevaluation probe(*model_, model_->run().rng.state());
  const Recording off(false);
  try {
    (*model_)(input_of(loader_->make({0, loader_->batches_per_epoch() - 1})));
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

double Trainer::lr(double scale) const {
  for (const auto& p : parameters_)
    if (!p->frozen) return optimizer_->option(*p, "lr").value_or(1) * scale;
  return scale;
}

void Trainer::restore(const RunDirectory& run) {
  state_ = TrainState{};
  state_.dropout = model_->run().rng.state();
  state_.schedule = schedule_start_;
  if (gradient_) gradient_->load_state(gradient_start_);
  if (run.has_checkpoint()) state_ = load_checkpoint(run.checkpoint(), *model_, *optimizer_, gradient_.get());
  if (state_.stopped && length_ > state_.total_steps)
    state_.stopped = false, state_.evaluations_since_best = 0;
  state_.stopped =
      state_.stopped && config_.early_stop && state_.evaluations_since_best >= *config_.early_stop;
  schedule_->load_state(state_.schedule);
  loader_->seek(state_.position);
}

std::unique_ptr<EvaluationWeights> Trainer::evaluation_weights(bool means,
                                                               const std::function<bool()>& stop) {
  EvaluationWeights::Options options{.means = means, .stop = stop};
  if (state_.step > 0 && at_end()) options.finish = state_.last_scale;
  return std::make_unique<EvaluationWeights>(*optimizer_, *model_, data_.train, options);
}

std::string Trainer::resumed_at() const {
  const std::string of_steps =
      adaptive_ ? fmt::format(" (example {} of {})", done(), length_) : fmt::format(" of {}", length_);
  if (state_.stopped)
    return fmt::format(
        "stopped early, at step {}{}: {} evaluations without a better score than at step {}; a larger "
        "--early-stop (or none), or more --epochs or --steps, goes on",
        state_.step, of_steps, state_.evaluations_since_best, state_.best_step);
  if (at_end() && !state_.evaluation_due)
    return fmt::format("the run has reached its end, step {}; more --epochs or --steps go on", state_.step);
  return fmt::format("resumed at step {}{}", state_.step, of_steps);
}

std::vector<Batch> Trainer::next_batches() {
  constexpr int64 kTogether = 512;  // examples of an adaptive batch that are in memory at once
  std::vector<Batch> batches;
  if (adaptive_) {
    Batch all;
    while (!loader_->next(all, batch_size())) {
    }
    for (int64 from = 0; from < all.size(); from += kTogether)
      batches.push_back(all.size() <= kTogether ? all
                                                : rows_of(all, from, std::min(all.size(), from + kTogether)));
    return batches;
  }
  while (static_cast<int64>(batches.size()) < config_.accumulate) {
    Batch batch;
    if (loader_->next(batch))
      batches.push_back(std::move(batch));
    else if (!batches.empty())
      break;
  }
  return batches;
}

void Trainer::begin() {
  restore(RunDirectory::none());
  if (config_.init.empty()) fit_to_data(*model_, data_.train);
}

BatchSources Trainer::sources() const {
  BatchSources sources;
  if (second_)
    sources.second = [this] {
      const int64 n = second_->batches_per_epoch();
      return second_->make({state_.step / n, state_.step % n});
    };
  if (all_)
    sources.all = [this](const std::function<void(const Batch&)>& use) {
      for (int64 i = 0; i < all_->batches_per_epoch(); ++i) use(all_->make({0, i}));
    };
  return sources;
}

double Trainer::step_at(double scale) {
  const auto start = Clock::now();
  ModelObjective objective(
      *model_, parameters_, next_batches(),
      {.classes = class_loss_,
       .grad_norms = config_.log_grad_norms,
       .keep_graph = optimizer_->needs().hvp,
       .method = gradient_.get(),
       .draws = Rng(seed_of(config_)).fork("directions").fork(static_cast<std::uint64_t>(state_.step))},
      sources());
  const std::size_t in_use = allocator_stats().bytes_in_use;
  reset_peak_memory();
  const double loss = adaptive_ ? tested_step(objective, scale) : optimizer_->step(objective, scale);
  step_peak_bytes_ = allocator_stats().peak_bytes_in_use - in_use;
  if (!std::isfinite(loss)) fail<NumericError>("the loss is {}", loss);
  state_.last_loss = loss;
  state_.last_scale = scale;
  grad_norms_ = objective.grad_norms();
  state_.since_row += objective.score();
  state_.since_epoch += objective.score();
  ++state_.step;
  state_.position = loader_->position();
  for (const auto& p : parameters_) p->grad = Tensor();
  state_.examples += objective.examples();
  state_.seconds += seconds_since(start);
  return loss;
}

double Trainer::tested_step(ModelObjective& objective, double scale) {
  const int64 size = batch_size();
  wanted_.clear();
  if (size >= adaptive_->most || state_.step % adaptive_->interval || objective.examples() < 2)
    return optimizer_->step(objective, scale);
  // The gradient is the optimizer's own, if that is all it asks for.
  const double loss = objective.gradient();
  check_gradients(parameters_, optimizer_->name());
  std::optional<double> wanted;
  try {
    wanted = wanted_batch_size(objective.spread(adaptive_->test != "norm"), *adaptive_);
  } catch (const GraphError& e) {
    fail<UsageError>("--batch-size adaptive: the gradients of single examples are not to be had of {}: {}",
                     model_->spec(), e.what());
  }
  state_.batch_size = grown_batch_size(size, wanted, adaptive_->most);
  wanted_ = wanted ? fmt::format("{:.6g}", *wanted) : "inf";
  if (optimizer_->needs().beyond({.loss = true})) return optimizer_->step(objective, scale);
  optimizer_->step(scale, loss);
  return loss;
}

void Trainer::save(const RunDirectory& run) {
  if (run.is_none()) return;
  state_.dropout = model_->run().rng.state();
  state_.schedule = schedule_->save_state();
  state_.total_steps = length_;
  save_checkpoint(run.checkpoint(), *model_, *optimizer_, state_, gradient_.get());
}

bool Trainer::evaluate_now(const RunDirectory& run, Progress& progress, const std::function<bool()>& stop) {
  progress.evaluating();
  const auto weights = evaluation_weights(true, stop);
  if (!weights->complete()) return false;
  std::optional<Scores> held;
  if (validation_ && !(held = scores_on(*model_, validation_, {.stop = stop}))) return false;
  const std::optional<Scores> test = scores_on(*model_, data_.test, {.stop = stop});
  if (!test) return false;
  const Scores& deciding = held ? *held : *test;
  const Score& score = test->sums();
  const MetricsRow row{.step = state_.step,
                       .epoch = epoch(),
                       .lr = lr(),
                       .train_loss = state_.since_row.loss(),
                       .train_accuracy = state_.since_row.accuracy(),
                       .test_loss = score.loss(),
                       .test_accuracy = score.accuracy(),
                       .validation_loss = held ? held->sums().loss() : std::nan(""),
                       .validation_accuracy = held ? held->sums().accuracy() : std::nan(""),
                       .score = metric_->value(deciding),
                       .seconds = state_.seconds};
  run.append(row);
  if (config_.tensorboard && !board_) board_ = std::make_unique<Board>(run);
  if (board_) board_->append(row);
  if (observer_) observer_(row);
  progress.row(row);
  state_.last_test = score;
  state_.last_validation = held ? held->sums() : Score{};
  state_.since_row = {};
  if (state_.position.batch == 0 || at_end()) state_.last_epoch = state_.since_epoch;
  if (state_.position.batch == 0) state_.since_epoch = {};
  state_.evaluation_due = false;
  schedule_->observe(schedule_->watches_score() ? deciding.sums().accuracy() : deciding.sums().loss());
  note_score(run, metric_->larger ? row.score : -row.score, *test, held);
  last_scores_ = test;
  return true;
}

void Trainer::note_score(const RunDirectory& run, double score, const Scores& test,
                         const std::optional<Scores>& held) {
  const auto measures = [](const Scores& s) {
    std::map<std::string, double> values;
    for (const Metric& m : metrics())
      if (m.applies(s)) values[m.name] = m.value(s);
    return values;
  };
  if (!std::isnan(score) && (!state_.best || score > *state_.best)) {
    state_.best = score;
    state_.best_step = state_.step;
    state_.best_test = measures(test);
    state_.best_validation = held ? measures(*held) : std::map<std::string, double>{};
    state_.evaluations_since_best = 0;
    if (!run.is_none()) save_weights(run.file("best.safetensors"), *model_, info());
  } else {
    ++state_.evaluations_since_best;
  }
  if (config_.early_stop && state_.evaluations_since_best >= *config_.early_stop) state_.stopped = true;
}

bool Trainer::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  restore(run);
  run.truncate_metrics(state_.step);
  if (!run.has_checkpoint() && config_.init.empty()) fit_to_data(*model_, data_.train);
  board_.reset();
  if (state_.step == 0 && length_ == 0) state_.evaluation_due = true;
  const int64 first = done(), examples = state_.examples;
  const double seconds = state_.seconds;
  Progress progress(
      quiet, length_,
      static_cast<double>(length_) / static_cast<double>(adaptive_ ? examples_ : steps_per_epoch_), first,
      adaptive_ ? "example" : "step");
  if (first) progress.message(resumed_at());
  while (state_.evaluation_due || (!at_end() && !state_.stopped)) {
    bool save_now = state_.evaluation_due;
    try {
      if (!state_.evaluation_due) {
        const int64 seen = done(), size = adaptive_ ? batch_size() : 0;
        step_at(schedule_->scale(schedule_step()));
        if (adaptive_) run.append_batch_size(state_.step, seen, size, wanted_);
        if (config_.log_grad_norms) {
          run.append_grad_norms(state_.step, grad_norms_.l1, grad_norms_.l2);
          if (norms_observer_) norms_observer_(state_.step, grad_norms_);
        }
        const bool end = at_end();
        const bool epoch_end = state_.position.batch == 0;
        state_.evaluation_due =
            end || (config_.eval_every ? state_.step % *config_.eval_every == 0 : epoch_end);
        save_now = end || (config_.save_every ? state_.step % *config_.save_every == 0 : epoch_end);
        progress.step({done(), epoch(), state_.since_epoch.loss(), state_.since_epoch.accuracy(), lr(),
                       state_.examples - examples, state_.seconds - seconds});
      }
      if (state_.evaluation_due && !stop()) evaluate_now(run, progress, stop);
      // An epoch that ends between two evaluations still ends.
      if (!state_.evaluation_due && state_.position.batch == 0 && state_.since_epoch.count) {
        state_.last_epoch = state_.since_epoch;
        state_.since_epoch = {};
      }
      const bool stopping = stop();
      if (save_now || stopping || state_.stopped) save(run);
      if (stopping && (state_.evaluation_due || (!at_end() && !state_.stopped))) return false;
    } catch (const NumericError& e) {
      diverged(run, e.what());
    } catch (const GraphError& e) {
      if (state_.step > 0) throw;
      fail<UsageError>("optimizer {} cannot train this model: {}", optimizer_->name(), e.what());
    }
  }
  const auto weights = evaluation_weights();
  if (!run.is_none()) save_weights(run.file("model.safetensors"), *model_, info());
  if (!config_.save.empty()) save_weights(config_.save, *model_, info());
  return true;
}

void Trainer::diverged(const RunDirectory& run, const std::string& what) const {
  const std::string last = state_.step ? fmt::format("the last good loss was {:.6g}", state_.last_loss)
                                       : std::string("no step before it was good");
  const std::string kept = run.has_checkpoint() ? run.checkpoint() + " still holds the last good state"
                                                : std::string("no checkpoint had been saved yet");
  fail<NumericError>(
      "training diverged at step {}: {}; {}, lr {:.6g}; {}. A smaller lr or --clip-norm 1 may help",
      state_.step + 1, what, last, lr(schedule_->scale(schedule_step())), kept);
}

const Scores& Trainer::scores() {
  if (!last_scores_) {  // the run had ended before this process
    const auto weights = evaluation_weights();
    last_scores_ = scores_on(*model_, data_.test);
  }
  return *last_scores_;
}

nlohmann::ordered_json Trainer::result(const std::string& out) {
  nlohmann::ordered_json json;
  json["data"] = config_.data;
  json["model"] = model_->spec();
  if (config_.param != "standard") json["param"] = config_.param;
  json["optim"] = optimizer_->spec();
  json["schedule"] = schedule_->spec();
  json["gradient"] = gradient_ ? gradient_->spec() : "backprop";
  json["seed"] = config_.seed;
  if (adaptive_) {
    json["batch_size"] = config_.batch_size.text;
    json["last_batch_size"] = batch_size();
    json["mean_batch_size"] =
        static_cast<double>(state_.examples) / static_cast<double>(std::max<int64>(state_.step, 1));
  } else {
    json["batch_size"] = static_cast<int64>(config_.batch_size);
  }
  json["threads"] = threads();
  int64 count = 0;
  for (const auto& p : parameters_) count += p->value.numel();
  json["parameters"] = count;
  json["epochs"] = epoch();
  json["steps"] = state_.step;
  json["train_loss"] = state_.last_epoch.loss();
  json["train_accuracy"] = state_.last_epoch.accuracy();
  json["test_loss"] = state_.last_test.loss();
  json["test_accuracy"] = state_.last_test.accuracy();
  json.update(scores().json("test"));
  if (validation_) {
    json["validation_loss"] = state_.last_validation.loss();
    json["validation_accuracy"] = state_.last_validation.accuracy();
  }
  if (model_->task() == Task::kLanguageModel) {
    json["perplexity"] = std::exp(state_.last_test.loss());
    json["bits_per_token"] = state_.last_test.loss() / std::log(2.0);
  }
  json["best_step"] = state_.best_step;
  nlohmann::ordered_json best = {
      {"step", state_.best_step}, {"metric", metric_->name}, {"on", validation_ ? "validation" : "test"}};
  for (const auto& [set, values] :
       {std::pair{"validation_", &state_.best_validation}, std::pair{"test_", &state_.best_test}})
    for (const Metric& m : metrics())
      if (const auto found = values->find(m.name); found != values->end())
        best[std::string(set) + m.name] = found->second;
  json["best"] = best;
  nlohmann::ordered_json layers;
  for (const LayerMemory& m : layer_memory(*model_, config_.batch_size))
    layers.push_back({{"layer", m.name}, {"output_bytes", m.bytes}});
  json["memory"] = {{"step_peak_bytes", step_peak_bytes_}, {"layers", layers}};
  json["train_seconds"] = state_.seconds;
  json["samples_per_s"] =
      state_.seconds > 0 ? static_cast<double>(state_.examples) / state_.seconds : std::nan("");
  json["stopped_early"] = state_.stopped;
  json["out"] = out;
  scores().add_classes(json);
  return json;
}

}  // namespace gradus
