#include "apps/steering/probe_training.h"

#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "optim/registry.h"

namespace gradus {

double probe_accuracy(const Tensor& probs, const std::vector<int64>& labels) {
  const IntTensor best = argmax(probs, 1);
  double right = 0;
  for (size_t i = 0; i < labels.size(); ++i) right += best[static_cast<int64>(i)] == labels[i];
  return right / static_cast<double>(labels.size());
}

TrainedProbe train_probe(const Tensor& activations, const std::vector<int64>& labels, int64 clusters,
                         const ProbeTrainingOptions& o) {
  if (activations.rank() != 2 || activations.dim(0) != std::ssize(labels))
    fail<ShapeError>("train_probe: activations {} and {} labels", activations.shape().str(), labels.size());
  TrainedProbe out{zero_probe(activations, clusters), {}, 0};
  const Parameters parameters{make_parameter("weight", ParamKind::kWeight, out.probe.weight),
                              make_parameter("bias", ParamKind::kBias, out.probe.bias)};
  const OptimizerPtr adam = make_optimizer(
      fmt::format("adam:lr={},beta1={},beta2={},eps={}", o.lr, o.beta1, o.beta2, o.eps), parameters);
  const IntTensor targets = IntTensor::from({std::ssize(labels)}, labels);
  const SteeringProbe live{out.probe.mean, out.probe.std, parameters[0]->value, parameters[1]->value};
  const Recording on(true);
  for (int64 k = 0; k < o.epochs; ++k) {
    const Tensor loss = cross_entropy(live.logits(activations.detach()), targets);
    out.losses.push_back(static_cast<double>(loss.item()));
    const std::vector<Tensor> grads = grad(loss, {live.weight, live.bias});
    parameters[0]->grad = grads[0];
    parameters[1]->grad = grads[1];
    adam->step();
  }
  out.probe.weight = live.weight.detach();
  out.probe.bias = live.bias.detach();
  out.accuracy = probe_accuracy(out.probe.logits(activations.detach()), labels);
  return out;
}

}  // namespace gradus
