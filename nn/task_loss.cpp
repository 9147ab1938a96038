#include "nn/task_loss.h"

#include <cmath>
#include <numbers>

#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {

Tensor task_loss(Task task, const Tensor& output, const Input& x, const Target& target,
                 real label_smoothing) {
  switch (task) {
    case Task::kClassification:
      return cross_entropy(output, target.labels, Reduction::kMean, label_smoothing);
    case Task::kLanguageModel: {
      if (output.rank() != 3)
        fail<ShapeError>("task_loss: needs logits (N,T,V), got {}", output.shape().str());
      const int64 tokens = output.dim(0) * output.dim(1);
      if (target.labels.numel() != tokens)
        fail<ShapeError>("task_loss: {} next tokens for logits {}", target.labels.numel(),
                         output.shape().str());
      return cross_entropy(reshape(output, Shape{tokens, output.dim(2)}), target.labels.view({tokens}),
                           Reduction::kMean, label_smoothing);
    }
    case Task::kAutoencoder:
      return mse_loss(output, x.values());
    case Task::kRegression:
    case Task::kDenoising:
      return mse_loss(output, target.values);
  }
  fail<UsageError>("task_loss: unknown task");
}

double cosine_alpha_bar(double t) {
  constexpr double s = 0.008;
  const auto f = [](double u) {
    const double c = std::cos(std::numbers::pi / 2 * (u + s) / (1 + s));
    return c * c;
  };
  return f(t) / f(0);
}

TaskBatch add_noise(const Input& x, Rng& rng, double drop_class) {
  const Tensor& clean = x.values();
  const int64 n = clean.dim(0), size = n ? clean.numel() / n : 0;
  const Tensor time = rng.uniform_tensor({n}), noise = rng.normal_tensor(clean.shape());
  Tensor noisy(clean.shape());
  for (int64 i = 0; i < n; ++i) {
    const double abar = cosine_alpha_bar(static_cast<double>(time.data()[i]));
    const real keep = static_cast<real>(std::sqrt(abar)), add = static_cast<real>(std::sqrt(1 - abar));
    for (int64 j = i * size; j < (i + 1) * size; ++j)
      noisy.mutable_data()[j] = keep * clean.data()[j] + add * noise.data()[j];
  }
  TaskBatch batch{noisy, {{}, noise}};
  batch.input.time = time;
  if (x.classes.defined()) {
    batch.input.classes = IntTensor::from(x.classes.shape(), x.classes.span());
    for (int64 i = 0; i < n; ++i)
      if (rng.bernoulli(drop_class)) batch.input.classes.mutable_data()[i] = -1;
  }
  return batch;
}

}  // namespace gradus
