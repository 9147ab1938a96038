// What the experiments of this family fine-tune: a small network pre-trained on MNIST, and few labelled images of another set. Bases
// are trained once a setting and seed, and kept beside the runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "apps/papers/backprop-free/image_task.h"
#include "nn/adapters/registry.h"
#include "nn/model.h"
#include "optim/optimizer.h"

namespace gradus {

/// Two blocks of 32 on 16 patches, 18 thousand numbers: milliseconds a step.
inline constexpr const char* kSmallVit = "vit:patch=7,dim=32,depth=2,heads=4,mlp_ratio=2";

struct BenchSetting {
  std::string model = kSmallVit, base_data = "mnist", data = "fashion-mnist";
  int64 base_steps = 400, images = 2000, batch_size = 64, test_images = 3000;
  bool fresh_head = true;
};

/// The options of an optimizer under which heads have a step size of their own, the same for all arms.
inline constexpr double kHeadLr = 3e-3;

class AdapterBench {
 public:
  AdapterBench(const Trial& trial, const BenchSetting& setting);

  Model& model() { return *model_; }
  const ImageTask& task() const { return task_; }
  Rng rng() const { return rng_; }
  /// attach_adapters with this trial's seed; "none": nothing is frozen; "head": all but the head is.
  void adapt(const std::string& spec);

  /// What a step adds to the cross-entropy of its batch (undefined: nothing), and what follows a step.
  using Penalty = std::function<Tensor(const Batch&, const Tensor& logits)>;
  using Behind = std::function<void(int64 t, double loss)>;
  /// Steps of `optim` on what is trainable, the head at kHeadLr with the same rule. False where it diverged.
  bool train(const std::string& optim, int64 steps, Outcome& outcome, const Behind& behind = nullptr,
             const Penalty& penalty = nullptr);
  /// One gradient of the mean cross-entropy of a batch (plus penalty) into the parameters; returns the cross-entropy.
  double gradient(const Batch& batch, const Penalty& penalty = nullptr);
  double test_accuracy();
  /// Of the first `images` training images, by cross-entropy.
  double loss_on(const Batch& batch);
  /// Of the optimizer of train(), with the head's step size. For loops of another kind.
  OptimizerPtr optimizer(const std::string& optim);

 private:
  const Trial& trial_;
  Rng rng_;
  ImageTask task_;
  std::unique_ptr<Model> model_;
};

}  // namespace gradus
