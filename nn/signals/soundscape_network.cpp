#include "nn/signals/soundscape_network.h"

#include <fmt/format.h>

#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

SoundEncoder::SoundEncoder(const std::vector<int64>& channels) {
  int64 in = 1;
  for (size_t i = 0; i < channels.size(); ++i) {
    convolutions_.push_back(
        &add<Conv2d>(fmt::format("conv{}", i + 1), in, channels[i], 3, ConvOptions{.pad = 1, .bias = false}));
    norms_.push_back(&add<BatchNorm2d>(fmt::format("norm{}", i + 1), channels[i]));
    in = channels[i];
  }
}

Tensor SoundEncoder::forward(const Input& levels) {
  const Tensor& x = levels.values();
  const int64 factor = int64{1} << convolutions_.size();
  if (x.rank() != 3 || x.dim(1) % factor != 0 || x.dim(2) % factor != 0)
    fail<ShapeError>("sound encoder: levels {}, expected (B,T,F) divisible by {}", x.shape().str(), factor);
  // 40 dB and 20 dB: about the mean and the spread of what is heard.
  Tensor h = reshape((x - real(40)) / real(20), {x.dim(0), 1, x.dim(1), x.dim(2)});
  PoolSpec two;
  two.kernel_h = two.kernel_w = two.stride_h = two.stride_w = 2;
  for (size_t i = 0; i < convolutions_.size(); ++i)
    h = avg_pool2d(norms_[i]->relu((*convolutions_[i])(h)), two);
  return permute(mean(h, {3}), {0, 2, 1});  // (B,D,T') -> (B,T',D)
}

SoundscapeNetwork::SoundscapeNetwork(const SoundscapeNetworkOptions& options)
    : options_(options), ambient_(add<SoundEncoder>("ambient", options.channels)) {
  if (!options_.joint) options_.cond = "none";
  if (options_.joint) masker_ = &add<SoundEncoder>("masker", options_.channels);
  const int64 D = options_.channels.back(), E = options_.gain_hidden, H = options_.out_hidden;
  const auto weight = [&](const char* name, const Shape& shape, ParamKind kind = ParamKind::kWeight) {
    return parameter(name, kind, shape, init::torch_weight());
  };
  const auto bias = [&](const char* name, int64 size, int64 fan_in) {
    return parameter(name, ParamKind::kBias, {size}, init::torch_bias(fan_in));
  };
  if (options_.cond == "film") {
    gain_w1_ = weight("gain_w1", {E, 1}), gain_b1_ = bias("gain_b1", E, 1);
    gain_w2_ = weight("gain_w2", {2 * D, E}), gain_b2_ = bias("gain_b2", 2 * D, E);
  }
  const int64 seen = 2 * D + (options_.cond == "concat" ? 1 : 0);
  aug_w_ = weight("aug_w", {D, seen}), aug_b_ = bias("aug_b", D, seen);
  q_w_ = weight("q_w", {D, D}), k_w_ = weight("k_w", {D, D}), v_w_ = weight("v_w", {D, D});
  out_w1_ = weight("out_w1", {H, D}), out_b1_ = bias("out_b1", H, D);
  out_w2_ = weight("out_w2", {2, H}, ParamKind::kHead), out_b2_ = bias("out_b2", 2, H);
  if (options_.attention == "additive")
    score_v_ = parameter("score_v", ParamKind::kWeight, {D}, init::torch_bias(D));
}

Tensor SoundscapeNetwork::encode_masker(const Tensor& levels) {
  if (!masker_) fail<UsageError>("soundscape network: mixes are encoded whole, there is no masker's encoder");
  return (*masker_)(levels);
}

SoundscapePrediction SoundscapeNetwork::predict(const Tensor& features, const Tensor& masker,
                                                const Tensor& gain_db) {
  const auto value = [](const ParamSlot& slot) { return slot ? slot.value() : Tensor(); };
  const SoundscapeHead head = {value(gain_w1_), value(gain_b1_), value(gain_w2_), value(gain_b2_),
                               value(aug_w_),   value(aug_b_),   value(q_w_),     value(k_w_),
                               value(v_w_),     value(out_w1_),  value(out_b1_),  value(out_w2_),
                               value(out_b2_),  value(score_v_)};
  if (!options_.joint)
    return soundscape_prediction(head, features, features, Tensor::zeros({features.dim(0)}), options_);
  return soundscape_prediction(head, features, masker, gain_db, options_);
}

Tensor SoundscapeNetwork::forward(const Input& levels) {
  const Tensor features = encode(levels.values());
  return predict(features, Tensor::zeros(features.shape()),
                 Tensor::full({features.dim(0)}, static_cast<real>(kNoMaskerGain)))
      .mu;
}

}  // namespace gradus
