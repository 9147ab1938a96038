// A loss of one's own, from differentiable operations: the multi-class hinge, whose gradient comes by itself.
#include <cmath>
#include <cstdio>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "data/loader.h"
#include "data/registry.h"
#include "nn/registry.h"
#include "optim/registry.h"

using namespace gradus;

/// Mean over the batch of sum over c != y of max(0, 1 + z_c - z_y). Weston and Watkins, ESANN 1999. z (B,C), labels (B).
static Tensor hinge_loss(const Tensor& z, const IntTensor& labels) {
  const int64 n = z.dim(0), classes = z.dim(1);
  Tensor right = Tensor::zeros({n, classes});  // 1 at the label
  for (int64 i = 0; i < n; ++i) right.mutable_data()[i * classes + labels[i]] = 1;
  const Tensor of_label = sum(z * right, {1}, true);                          // (B,1)
  const Tensor violation = relu(z - of_label + real(1)) * (real(1) - right);  // (B,C), 0 at the label
  return sum(violation) / static_cast<real>(n);
}

int main() {
  // By hand: logits (2, 1, 0), label 1: max(0, 1 + 2 - 1) + max(0, 1 + 0 - 1) = 2, and the gradient is (1, -1, 0).
  const Tensor z = variable(Tensor::from({1, 3}, {2, 1, 0}));
  IntTensor label({1});
  label.mutable_data()[0] = 1;
  const Tensor loss = hinge_loss(z, label);
  const Tensor g = grad(loss, {z})[0];
  std::printf("loss %g, gradient %s\n", static_cast<double>(loss.item()), g.str().c_str());
  bool good = loss.item() == 2 && g.data()[0] == 1 && g.data()[1] == -1 && g.data()[2] == 0;

  const Data data = open_data("digits:train=2000,test=400");
  const auto model =
      make_model("mlp:hidden=64", {.channels = 1, .height = 28, .width = 28, .classes = 10}, Rng(0));
  const Parameters parameters = model->parameters();
  const OptimizerPtr optimizer = make_optimizer("sgd:lr=0.02,momentum=0.9", parameters);
  std::vector<Tensor> values;
  for (const auto& p : parameters) values.push_back(p->value);
  Loader batches(data.train, {.batch_size = 50, .shuffle = true});
  double first = 0, last = 0;
  for (int epoch = 0; epoch < 4; ++epoch) {
    double sum = 0;
    for (Batch b; batches.next(b);) {
      const Tensor batch_loss = hinge_loss((*model)(b.x), b.y);
      const std::vector<Tensor> gradients = grad(batch_loss, values);
      for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = gradients[i];
      optimizer->step();
      sum += static_cast<double>(batch_loss.item());
    }
    (epoch ? last : first) = sum / static_cast<double>(batches.batches_per_epoch());
    std::printf("epoch %d: hinge loss %.3f\n", epoch + 1, epoch ? last : first);
  }
  return good && last < first / 4 ? 0 : 1;
}
