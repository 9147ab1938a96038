#include "apps/continual/network.h"

#include <cmath>

#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"

namespace gradus {

std::vector<Tensor> LinearHeadNetwork::all() const {
  std::vector<Tensor> tensors = extractor;
  tensors.insert(tensors.end(), {fc.weight, fc.bias});
  return tensors;
}

LinearHeadNetwork LinearHeadNetwork::of(const std::vector<Tensor>& all) {
  const size_t parts = all.size() - 2;
  return {{all.begin(), all.begin() + static_cast<int64>(parts)}, {all[parts], all[parts + 1]}};
}

void archive_network(const StateArchive& archive, LinearHeadNetwork& net) {
  archive("extractor", net.extractor);
  archive("weight", net.fc.weight);
  archive("bias", net.fc.bias);
}

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

}  // namespace gradus
