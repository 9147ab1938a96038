#include "apps/continual/plain_learner.h"

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor perceptron_features(std::span<const Tensor> params, const Tensor& x) {
  return linear(linear_relu(x, params[0], params[1]), params[2], params[3]);
}

Tensor network_logits(const FeatureMap& features, const LinearHeadNetwork& net, const Tensor& x) {
  const Recording off(false);
  return linear(features(net.extractor, x), net.fc.weight, net.fc.bias);
}

Classifier fresh_classifier(int64 classes, int64 width, Rng rng) {
  Tensor weight({classes, width});
  const double bound = std::sqrt(3.0 / static_cast<double>(width));
  for (int64 i = 0; i < weight.numel(); ++i)
    weight.mutable_data()[i] = static_cast<real>(bound * (2 * rng.uniform() - 1));
  return {weight, Tensor::zeros({classes})};
}

LinearHeadNetwork fresh_perceptron(int64 features, int64 hidden, int64 width, int64 classes, Rng rng) {
  const auto draw = [&](int64 out, int64 in) {
    return rng.normal_tensor({out, in}, 0, static_cast<real>(std::sqrt(2.0 / static_cast<double>(in))));
  };
  LinearHeadNetwork net;
  net.extractor = {draw(hidden, features), Tensor::zeros({hidden}), draw(width, hidden),
                   Tensor::zeros({width})};
  net.fc = fresh_classifier(classes, width, rng.fork("classifier"));
  return net;
}

LinearHeadNetwork train_plainly(const FeatureMap& features, const LinearHeadNetwork& start, int64 old_classes,
                                int64 steps, const std::function<LabelledRows(int64 step)>& batch,
                                const PlainOptions& o) {
  const Recording on(true);
  std::vector<Tensor> all = start.extractor;
  all.insert(all.end(), {start.fc.weight, start.fc.bias});
  Descent sgd(fmt::format("sgd:lr={},momentum={},weight_decay={}", o.lr, o.momentum, o.weight_decay), all);
  const size_t parts = start.extractor.size();
  for (int64 s = 0; s < steps; ++s) {
    const LabelledRows b = batch(s);
    const std::vector<Tensor> p = sgd.values();
    const Tensor z = linear(features(std::span(p).first(parts), b.x), p[parts], p[parts + 1]);
    Tensor loss = cross_entropy(z, b.y);
    if (o.distill > 0 && old_classes > 0)
      loss = loss + soft_target_loss(slice(z, 1, 0, old_classes),
                                     slice(network_logits(features, start, b.x), 1, 0, old_classes), 2) *
                        static_cast<real>(o.distill);
    if (!std::isfinite(loss.item())) fail<NumericError>("plain learner: a loss of {}", loss.item());
    sgd.step(grad(loss, p), half_cosine(s, steps));
  }
  const std::vector<Tensor> end = sgd.copies();
  return {{end.begin(), end.begin() + static_cast<int64>(parts)}, {end[parts], end[parts + 1]}};
}

}  // namespace gradus
