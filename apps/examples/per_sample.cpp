// The gradient of every example from one backward pass: their mean is the batch's gradient; clipped and with noise it is a step of
// DP-SGD (Abadi et al., CCS 2016, arXiv 1607.00133).
#include "autograd/functional/per_sample.h"

#include <cmath>
#include <cstdio>

#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/parameter.h"
#include "core/rng.h"
#include "data/loader.h"
#include "data/registry.h"
#include "nn/registry.h"

using namespace gradus;

int main() {
  const Data data = open_data("digits:train=64,test=10");
  const auto model =
      make_model("mlp:hidden=16", {.channels = 1, .height = 28, .width = 28, .classes = 10}, Rng(0));
  std::vector<Tensor> values;
  for (const auto& p : model->parameters()) values.push_back(p->value);
  const Batch batch = Loader(data.train, {.batch_size = 64}).make({});

  // Losses of the examples begin..end-1; the library asks for parts of the batch where it has to.
  const SampleLosses losses = [&](int64 begin, int64 end) {
    IntTensor labels({end - begin});
    for (int64 i = begin; i < end; ++i) labels.mutable_data()[i - begin] = batch.y[i];
    return cross_entropy((*model)(Input(batch.x).rows(begin, end)), labels, Reduction::kNone);
  };
  const PerSampleGrads each = per_sample_gradients(losses, values, batch.size());

  // Their mean is the gradient of the mean loss.
  const std::vector<Tensor> whole = grad(cross_entropy((*model)(batch.x), batch.y), values);
  double worst = 0;
  std::vector<double> squared(static_cast<size_t>(batch.size()), 0);  // norms of the examples' gradients
  for (size_t k = 0; k < values.size(); ++k) {
    const int64 size = values[k].numel();
    for (int64 j = 0; j < size; ++j) {
      double mean = 0;
      for (int64 i = 0; i < batch.size(); ++i) {
        const double g = static_cast<double>(each.grads[k].data()[i * size + j]);
        mean += g / static_cast<double>(batch.size());
        squared[static_cast<size_t>(i)] += g * g;
      }
      worst = std::fmax(worst, std::abs(mean - static_cast<double>(whole[k].data()[j])));
    }
  }
  std::printf("mean of the examples' gradients against that of the batch: largest difference %.1e\n", worst);

  // DP-SGD: each example's gradient at most `clip` long, the sum with noise of that size, then a plain step.
  const double clip = 1, noise = 0.5, lr = 0.5;
  double clipped_norm = 0;
  for (const double s : squared) clipped_norm = std::fmax(clipped_norm, std::fmin(std::sqrt(s), clip));
  for (size_t k = 0; k < values.size(); ++k) {
    const int64 size = values[k].numel();
    const Tensor draws = Rng(1).fork(k).normal_tensor(values[k].shape());
    for (int64 j = 0; j < size; ++j) {
      double sum = noise * clip * static_cast<double>(draws.data()[j]);
      for (int64 i = 0; i < batch.size(); ++i)
        sum += static_cast<double>(each.grads[k].data()[i * size + j]) *
               std::fmin(1, clip / std::sqrt(squared[static_cast<size_t>(i)]));
      values[k].mutable_data()[j] -= static_cast<real>(lr * sum / static_cast<double>(batch.size()));
    }
  }
  std::printf("a private step: no example moved the sum by more than %.2f\n", clipped_norm);
  return worst < 1e-5 && clipped_norm <= clip ? 0 : 1;
}
