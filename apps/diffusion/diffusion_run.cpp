#include "apps/diffusion/diffusion_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "apps/train/checkpoint.h"
#include "apps/train/fine_tuning.h"
#include "apps/train/progress.h"
#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/registry.h"
#include "nn/diffusion/network_denoiser.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "optim/registry.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using DiffusionClock = std::chrono::steady_clock;

constexpr int64 kDefaultSteps = 2000, kEvery = 250, kMostHeld = 512;

std::string diffusion_optim(const DiffusionConfig& c) {
  return fmt::format("ema(clip-norm({}):max_norm={}):decay={}", c.optim, c.clip_norm, c.ema);
}

}  // namespace

DiffusionTask diffusion_task(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (spec.name != "diffusion" || !spec.inner.empty())
    throw UsageError(unknown_name("task", spec.name, {"diffusion"}));
  DiffusionTask task;
  set_options(task, spec.options, "--task diffusion");
  noise_schedule(task.noise);
  return task;
}

const std::string& diffusion_csv_header() {
  static const std::string header = "step,lr_scale,train_loss,validation_loss,seconds";
  return header;
}

DiffusionConfig with_absolute_paths(DiffusionConfig config) {
  TrainConfig paths;  // the same fields, and what is known about paths in specs
  paths.data = config.data, paths.data_dir = config.data_dir, paths.init = config.init,
  paths.save = config.save;
  paths = with_absolute_paths(paths);
  config.data = paths.data, config.data_dir = paths.data_dir, config.init = paths.init,
  config.save = paths.save;
  return config;
}

Tensor signed_pixels(const Dataset& set, std::span<const int64> rows) {
  const Shape& example = set.info().example;
  Tensor x({std::ssize(rows), example[0], example[1], example[2]});
  const int64 size = example.numel();
  std::vector<std::uint8_t> pixels(static_cast<size_t>(size));
  real* to = x.mutable_data();
  for (const int64 row : rows) {
    set.read_pixels(row, pixels.data());
    for (const std::uint8_t p : pixels) *to++ = static_cast<real>(p) / real(127.5) - 1;
  }
  return x;
}

DiffusionRun::DiffusionRun(const DiffusionConfig& config, bool go_on)
    : config_(config), task_(diffusion_task(config.task)), noise_(noise_schedule(task_.noise)) {
  if (config.epochs && config.steps) fail<UsageError>("--epochs and --steps: give one of both");
  if (const ModelEntry& entry = check_model_spec(config.model); entry.task != Task::kDenoising)
    fail<UsageError>("--model {}: is for {}, not for denoising; unet and dit are", entry.name,
                     task_name(entry.task));
  const Data data = open_data(config.data, {.data_dir = config.data_dir});
  if (data.info().kind != DataKind::kImages)
    fail<UsageError>("--data {}: --task diffusion is for images, not for {}", config.data,
                     kind_name(data.info().kind));
  notes_ = data.info().notes;
  info_ = data.info();
  train_ = data.train;
  const Rng rng(static_cast<std::uint64_t>(config.seed));
  model_ = make_model(config.model, data_shape(info_), rng);
  if (!config.init.empty() && !go_on)
    load_weights(fs::is_directory(config.init) ? config.init + "/model.safetensors" : config.init, *model_);

  const int64 count = std::min(train_->size(), config.limit.value_or(train_->size()));
  Rng shuffle = rng.fork("held-out images");
  const std::vector<int64> shuffled = shuffle.permutation(count);
  const auto held = std::min(static_cast<int64>(config.validation * static_cast<double>(count)), kMostHeld);
  held_.assign(shuffled.begin(), shuffled.begin() + held);
  training_.assign(shuffled.begin() + held, shuffled.end());
  if (training_.empty()) fail<UsageError>("--data {}: no images to train on", config.data);
  length_ = config.steps ? *config.steps : config.epochs ? *config.epochs * steps_per_epoch() : kDefaultSteps;
  notes_.push_back(fmt::format("{} images, {} of them held out", count, held));

  parameters_ = model_->trainable();
  optimizer_ = make_optimizer(diffusion_optim(config), parameters_);
  if (optimizer_->needs().beyond({.loss = true}))
    fail<UsageError>("--optim {}: asks for more than gradients, which --task diffusion does not give",
                     config.optim);
  schedule_ = make_schedule(config.schedule, {.total_steps = length_, .steps_per_epoch = steps_per_epoch()});
}

int64 DiffusionRun::steps_per_epoch() const {
  return (std::ssize(training_) + config_.batch_size - 1) / config_.batch_size;
}

// An epoch's order depends on seed and epoch alone.
std::vector<int64> DiffusionRun::batch_rows(int64 step) {
  const int64 epoch = step / steps_per_epoch(), from = step % steps_per_epoch() * config_.batch_size;
  if (epoch != order_epoch_) {
    Rng rng =
        Rng(static_cast<std::uint64_t>(config_.seed)).fork("images").fork(static_cast<std::uint64_t>(epoch));
    order_ = rng.permutation(std::ssize(training_));
    order_epoch_ = epoch;
  }
  std::vector<int64> rows;
  for (int64 i = from; i < std::min(from + config_.batch_size, std::ssize(training_)); ++i)
    rows.push_back(training_[static_cast<size_t>(order_[static_cast<size_t>(i)])]);
  return rows;
}

Tensor DiffusionRun::loss_of_images(std::span<const int64> rows, Rng rng) {
  const Tensor x0 = signed_pixels(*train_, rows), noise = rng.normal_tensor(x0.shape());
  std::vector<int64> t;
  IntTensor classes = IntTensor::full({std::ssize(rows)}, -1);
  for (size_t i = 0; i < rows.size(); ++i) {
    t.push_back(rng.below(std::ssize(noise_.alpha_bar)));
    const bool dropped = rng.bernoulli(task_.class_dropout);
    if (info_.classes > 0 && !dropped) classes.mutable_data()[i] = train_->label(rows[i]);
  }
  const Noised noised = q_sample(x0, noise, t, noise_.alpha_bar);
  Input input(noised.x_t);
  input.time = level_times(t, std::ssize(noise_.alpha_bar));
  input.classes = classes;
  const DenoiserOutput kind = prediction_of(task_.prediction);
  const Tensor& target = kind == DenoiserOutput::kEpsilon ? noise
                         : kind == DenoiserOutput::kV     ? noised.v
                                                          : x0;
  return mse_loss((*model_)(input), target);
}

double DiffusionRun::held_out_loss() {
  const Recording off(false);
  const ModeScope evaluation(*model_, false);
  const Rng rng = Rng(static_cast<std::uint64_t>(config_.seed)).fork("held-out noise");  // the same each time
  double total = 0;
  for (size_t from = 0; from < held_.size(); from += static_cast<size_t>(config_.batch_size)) {
    const auto part = std::span<const int64>(held_).subspan(
        from, std::min(held_.size() - from, static_cast<size_t>(config_.batch_size)));
    total +=
        static_cast<double>(loss_of_images(part, rng.fork(from)).item()) * static_cast<double>(part.size());
  }
  return held_.empty() ? std::nan("") : total / static_cast<double>(held_.size());
}

void DiffusionRun::save(const RunDirectory& run) {
  if (run.is_none()) return;
  write_checkpoint(run.checkpoint(), *model_,
                   {.optim = optimizer_->spec(),
                    .saved = optimizer_->save_state(),
                    .state = {{"step", step_},
                              {"seconds", seconds_},
                              {"loss_since_row", loss_since_row_},
                              {"steps_since_row", steps_since_row_},
                              {"train_loss", train_loss_},
                              {"held_loss", std::isfinite(held_loss_) ? held_loss_ : 0.0},
                              {"rng",
                               {model_->run().rng.state().seed, model_->run().rng.state().stream,
                                model_->run().rng.state().counter}}}});
}

void DiffusionRun::restore(const RunDirectory& run) {
  if (run.is_none() || !fs::exists(run.checkpoint())) return;
  read_checkpoint(run.checkpoint(), *model_, optimizer_->spec(), [&](const CheckpointParts& parts) {
    parts.state.at("step").get_to(step_);
    parts.state.at("seconds").get_to(seconds_);
    parts.state.at("loss_since_row").get_to(loss_since_row_);
    parts.state.at("steps_since_row").get_to(steps_since_row_);
    parts.state.at("train_loss").get_to(train_loss_);
    parts.state.at("held_loss").get_to(held_loss_);
    const auto rng = parts.state.at("rng").get<std::vector<std::uint64_t>>();
    model_->run().rng.set_state({rng.at(0), rng.at(1), rng.at(2)});
    optimizer_->load_state(parts.saved);
  });
  if (held_.empty()) held_loss_ = std::nan("");
}

bool DiffusionRun::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  restore(run);
  if (step_ > length_)
    fail<UsageError>("--resume {}: the run is at step {}, beyond the {} asked for; it can only become longer",
                     run.path(), step_, length_);
  run.truncate_metrics(diffusion_csv_header(), "step", step_);
  Progress progress(quiet);
  if (step_) progress.message(fmt::format("resumed at step {} of {}", step_, length_));
  const int64 eval_every = config_.eval_every.value_or(kEvery),
              save_every = config_.save_every.value_or(kEvery);
  const Rng draws = Rng(static_cast<std::uint64_t>(config_.seed)).fork("steps");
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters_) values.push_back(p->value);
  model_->set_training(true);
  if (step_ == length_) save(run);
  while (step_ < length_) {
    const auto start = DiffusionClock::now();
    const double scale = schedule_->scale(step_);
    double loss = 0;
    {
      const Recording on(true);
      const Tensor recorded =
          loss_of_images(batch_rows(step_), draws.fork(static_cast<std::uint64_t>(step_)));
      loss = static_cast<double>(recorded.item());
      if (!std::isfinite(loss))
        fail<NumericError>("training diverged at step {}: the loss is {}; a smaller lr may help", step_ + 1,
                           loss);
      const std::vector<Tensor> grads = grad(recorded, values, {.allow_unused = true});
      for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i];
    }
    optimizer_->step(scale, loss);
    ++step_;
    seconds_ += std::chrono::duration<double>(DiffusionClock::now() - start).count();
    loss_since_row_ += loss;
    ++steps_since_row_;
    const std::string where = fmt::format("step {}/{}", step_, length_),
                      what = fmt::format("loss {}", brief(loss));
    progress.show(where + " ", " " + what, static_cast<double>(step_) / static_cast<double>(length_),
                  where + "  " + what);
    const bool ended = step_ == length_;
    if (ended || step_ % eval_every == 0) {
      optimizer_->use_evaluation_weights(true);
      held_loss_ = held_out_loss();
      optimizer_->use_evaluation_weights(false);
      train_loss_ = loss_since_row_ / static_cast<double>(steps_since_row_);
      loss_since_row_ = 0;
      steps_since_row_ = 0;
      run.append(fmt::format("{},{},{},{},{:.3f}", step_, scale, train_loss_,
                             held_.empty() ? "" : fmt::format("{}", held_loss_), seconds_),
                 {{"step", step_},
                  {"lr_scale", scale},
                  {"train_loss", train_loss_},
                  {"validation_loss", held_loss_},
                  {"seconds", seconds_}});
    }
    const bool stopping = !ended && stop();
    if (ended || stopping || step_ % save_every == 0) save(run);
    if (stopping) return false;
  }
  optimizer_->use_evaluation_weights(true);
  if (!run.is_none()) save_weights(run.file("model.safetensors"), *model_, info_);
  if (!config_.save.empty()) save_weights(config_.save, *model_, info_);
  optimizer_->use_evaluation_weights(false);
  return true;
}

nlohmann::ordered_json DiffusionRun::result(const std::string& out) {
  int64 count = 0;
  for (const ParameterPtr& p : parameters_) count += p->value.numel();
  nlohmann::ordered_json json = {{"task", config_.task},
                                 {"data", config_.data},
                                 {"model", model_->spec()},
                                 {"optim", optimizer_->spec()},
                                 {"seed", config_.seed},
                                 {"threads", threads()},
                                 {"parameters", count},
                                 {"images", std::ssize(training_)},
                                 {"held_out_images", std::ssize(held_)},
                                 {"steps", step_},
                                 {"train_loss", train_loss_}};
  if (!held_.empty()) json["validation_loss"] = held_loss_;
  json["seconds"] = seconds_;
  json["out"] = out;
  return json;
}

}  // namespace gradus
