// Training a denoising network on images: `gradus train --task diffusion --data mnist --model unet`.
//
// Ho, Jain, Abbeel, NeurIPS 2020, arXiv 2006.11239: x_t = a x0 + s noise at a uniform level t; the network predicts v (or the noise) by
// mean squared error. Classes are left out for a share of the images, so that the same network knows what is likely without one
// (classifier-free guidance, arXiv 2207.12598). What is drawn in a step depends on seed and step alone; a mean of the weights is
// evaluated and saved.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/train/interrupt.h"
#include "apps/train/run_dir.h"
#include "core/options.h"
#include "data/dataset.h"
#include "nn/diffusion/noise_schedule.h"
#include "nn/diffusion/prediction.h"
#include "nn/model.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace gradus {

/// What --task diffusion:... takes: what is predicted, and under which noise.
struct DiffusionTask {
  std::string prediction = "v";
  NoiseScheduleOptions noise;
  double class_dropout = 0.1;
  void visit(auto&& f) {
    f("prediction", prediction, "what the network predicts", prediction_choices());
    f("class_dropout", class_dropout, "share of the images that are trained on without their class",
      between(0, 1));
    noise.visit(f);
  }
};
/// "diffusion" or "diffusion:key=value,...". Throws UsageError for another task, unknown keys and values.
DiffusionTask diffusion_task(const std::string& text);

/// What a run is: those settings of `gradus train` that diffusion knows, under the same names.
struct DiffusionConfig {
  std::string task = "diffusion", data = "digits", model = "unet", optim = "adam:lr=2e-3,beta2=0.99",
              schedule = "cosine:warmup=100,min=0.05";
  std::optional<int64> epochs, steps;
  int64 batch_size = 64;
  int64 seed = 0;
  int threads = 0;
  std::optional<int64> limit;
  std::string data_dir;
  double validation = 0.1;
  double clip_norm = 1, ema = 0.995;
  std::string init;
  std::optional<int64> save_every, eval_every;
  std::string save;

  void visit(auto&& f) {
    f("task", task,
      "diffusion[:prediction=v,class_dropout=0.1,schedule=cosine-clamped,num_train_steps=1000,...]");
    f("data", data, "images, NAME[:key=value,...]; see 'data list'");
    f("model", model, "denoising model: unet, dit");
    f("optim", optim, "optimizer, NAME[:key=value,...]");
    f("schedule", schedule, "factor on the step size, NAME[:key=value,...]");
    f("epochs", epochs, "passes over the images; 2000 steps unless one of both is given", at_least(0));
    f("steps", steps, "optimizer steps", at_least(0));
    f("batch_size", batch_size, "images a step", at_least(1));
    f("seed", seed, "of initial weights, order, levels, noise and classes left out", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("limit", limit, "train on the first N images only", at_least(1));
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("validation", validation, "part of the images, at most 512, that is held out and scored",
      Limits{.low = 0, .high = 1, .high_open = true});
    f("clip_norm", clip_norm, "largest norm of the gradient over all parameters", positive());
    f("ema", ema, "decay of the mean of the weights that is evaluated and saved", decay_rate());
    f("init", init, "weights to start from (safetensors, or the directory of a run)");
    f("save_every", save_every, "steps between checkpoints; else 250", at_least(1));
    f("eval_every", eval_every, "steps between evaluations; else 250", at_least(1));
    f("save", save, "also write the trained weights to this file (.safetensors or .npz)");
  }
};
/// The command under which such runs are recorded.
inline constexpr const char* kDiffusionRun = "train-diffusion";
/// The header of metrics.csv.
const std::string& diffusion_csv_header();
/// The settings of the same run from any folder: relative paths become absolute.
DiffusionConfig with_absolute_paths(DiffusionConfig config);

/// Pixels of some images in [-1,1], (n,C,H,W).
Tensor signed_pixels(const Dataset& set, std::span<const int64> rows);

class DiffusionRun {
 public:
  /// Opens the data, builds model and optimizer. Throws what they throw, and UsageError for data that are no images and models
  /// that are not for denoising. `go_on`: of a run that has a checkpoint; --init is not read.
  explicit DiffusionRun(const DiffusionConfig& config, bool go_on = false);

  /// Trains to the end, from the run's checkpoint if it has one. False if `stop`, asked between steps, ended it before (all is
  /// saved then). Throws NumericError if training diverges.
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out);
  int64 step() const { return step_; }
  Model& model() { return *model_; }
  const DatasetInfo& info() const { return info_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  /// The mean squared error of these images at levels, noise and classes left out that `rng` draws; recorded.
  Tensor loss_of_images(std::span<const int64> rows, Rng rng);
  std::vector<int64> batch_rows(int64 step);
  int64 steps_per_epoch() const;
  double held_out_loss();
  void save(const RunDirectory& run);
  void restore(const RunDirectory& run);

  DiffusionConfig config_;
  DiffusionTask task_;
  NoiseSchedule noise_;
  DatasetPtr train_;
  DatasetInfo info_;
  std::unique_ptr<Model> model_;
  Parameters parameters_;
  OptimizerPtr optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::vector<int64> training_, held_, order_;
  int64 order_epoch_ = -1;
  std::vector<std::string> notes_;
  int64 step_ = 0, length_ = 0;
  double seconds_ = 0, loss_since_row_ = 0, train_loss_ = 0, held_loss_ = 0;
  int64 steps_since_row_ = 0;
};

}  // namespace gradus
