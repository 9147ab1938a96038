#include "apps/testtime/entropy_adaptation.h"

#include <fmt/format.h>

#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/testtime/prediction_entropy.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus {

Tensor scale_net_logits(const Tensor& features, const ScaleNet& net, const ScaleOptions& options) {
  ConvSpec same;
  same.pad_h = same.pad_w = 1;
  const Tensor scale = conv2d(features, net.scale_weight, net.scale_bias, same);  // (B,1,h,w)
  const Tensor log_scale = reshape(scale, {scale.dim(0), scale.dim(2), scale.dim(3)});
  const Tensor a = relu(dynamic_scale_conv(features, log_scale, net.weight, net.bias, options));
  const Tensor rows = reshape(permute(a, {0, 2, 3, 1}), {-1, a.dim(1)});  // (B*h*w, C)
  return linear(rows, net.score_weight, net.score_bias);
}

AdaptedPrediction adapt_by_entropy(const Tensor& features, const ScaleNet& net,
                                   const EntropyAdaptationOptions& options, const IntTensor& labels) {
  const bool entropy = options.objective == "entropy";
  if (!entropy && !labels.defined()) fail<UsageError>("objective cross-entropy wants labels");
  const auto parameter = [](const char* name, ParamKind kind, const Tensor& value) {
    return make_parameter(name, kind, value.clone());
  };
  Parameters adapted;
  if (options.adapt != "scale") {
    adapted.push_back(parameter("score.weight", ParamKind::kHead, net.score_weight));
    adapted.push_back(parameter("score.bias", ParamKind::kBias, net.score_bias));
  }
  if (options.adapt != "score") {
    adapted.push_back(parameter("scale.weight", ParamKind::kWeight, net.scale_weight));
    adapted.push_back(parameter("scale.bias", ParamKind::kBias, net.scale_bias));
  }
  // The network with these values in place of its own.
  const auto with = [&](std::span<const Tensor> values) {
    ScaleNet moved = net;
    size_t next = 0;
    if (options.adapt != "scale") moved.score_weight = values[next++], moved.score_bias = values[next++];
    if (options.adapt != "score") moved.scale_weight = values[next++], moved.scale_bias = values[next++];
    return moved;
  };
  const Function objective_of = [&](std::span<const Tensor> values) {
    const Tensor logits = scale_net_logits(features, with(values), options.scale);
    return entropy ? prediction_entropy(logits) : cross_entropy(logits, labels);
  };
  FunctionObjective objective(adapted, objective_of);
  const OptimizerPtr adam = make_optimizer(fmt::format("adam:lr={},beta1={},beta2={},eps={}", options.lr,
                                                       options.beta1, options.beta2, options.eps),
                                           adapted);
  AdaptedPrediction result;
  for (int64 t = 0; t < options.steps; ++t) result.objective.push_back(adam->step(objective));
  const Recording off(false);
  std::vector<Tensor> values;
  for (const ParameterPtr& p : adapted) values.push_back(p->value.detach());
  result.net = with(values);
  result.logits = scale_net_logits(features, result.net, options.scale);
  result.objective.push_back(static_cast<double>(
      (entropy ? prediction_entropy(result.logits) : cross_entropy(result.logits, labels)).item()));
  result.prediction = argmax(result.logits, 1);
  return result;
}

}  // namespace gradus
