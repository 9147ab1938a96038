// A convolutional network, trained by a loop of one's own: data, model, loss, gradient, optimizer, evaluation.
#include <cstdio>

#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "data/loader.h"
#include "data/registry.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/pool.h"
#include "nn/modes.h"
#include "optim/registry.h"
#include "optim/schedule.h"

using namespace gradus;

// 28x28 -> conv -> 24x24 -> pool -> 12x12 -> conv -> 8x8 -> pool -> 4x4 -> logits
struct SmallCnn : Module {
  Conv2d& conv1 = add<Conv2d>("conv1", 1, 6, 5);
  Conv2d& conv2 = add<Conv2d>("conv2", 6, 12, 5);
  MaxPool2d& pool = add<MaxPool2d>("pool", 2);
  Linear& head = add<Linear>("head", 12 * 4 * 4, 10);

  Tensor forward(const Input& x) override {
    const Tensor h = pool(conv1.relu(x.values()));  // (B,6,12,12)
    return head(flatten(pool(conv2.relu(h)), 1));   // (B,10)
  }
};

static double accuracy(Module& model, const DatasetPtr& test) {
  const ModeScope evaluation(model, false);
  const Recording off(false);
  Loader batches(test, {.batch_size = 200});
  int64 right = 0;
  for (Batch b; batches.next(b);) {
    const Tensor logits = model(b.x);
    for (int64 i = 0; i < b.size(); ++i) {
      int64 best = 0;
      for (int64 c = 1; c < 10; ++c)
        if (logits.data()[i * 10 + c] > logits.data()[i * 10 + best]) best = c;
      right += best == b.y[i];
    }
  }
  return static_cast<double>(right) / static_cast<double>(test->size());
}

int main() {
  const Data data = open_data("digits:train=3000,test=600");
  SmallCnn model;
  model.initialise(Rng(0).fork("init"));
  const Parameters parameters = model.parameters();
  const OptimizerPtr optimizer = make_optimizer("adamw:lr=3e-3,weight_decay=0.01", parameters);

  Loader batches(data.train, {.batch_size = 50, .shuffle = true, .seed = 0});
  const int64 epochs = 2, steps = epochs * batches.batches_per_epoch();
  const auto schedule = make_schedule("cosine:warmup=10", {steps, batches.batches_per_epoch()});

  std::vector<Tensor> values;
  for (const auto& p : parameters) values.push_back(p->value);
  int64 step = 0;
  for (int64 epoch = 0; epoch < epochs; ++epoch) {
    double sum = 0;
    for (Batch b; batches.next(b);) {
      const Tensor loss = cross_entropy(model(b.x), b.y);
      const std::vector<Tensor> gradients = grad(loss, values);
      for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = gradients[i];
      optimizer->step(schedule->scale(step++));
      sum += static_cast<double>(loss.item());
    }
    std::printf("epoch %d: loss %.3f, test accuracy %.3f\n", static_cast<int>(epoch + 1),
                sum / static_cast<double>(batches.batches_per_epoch()), accuracy(model, data.test));
  }
  return accuracy(model, data.test) > 0.9 ? 0 : 1;
}
