#include "nn/models/nf_resnet.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/layers/activation.h"

namespace gradus {

ScaledStandardConv2d::ScaledStandardConv2d(int64 in, int64 out, int64 kernel, const ConvOptions& options)
    : Conv2d(in, out, kernel, options) {
  weight.set_init([](Tensor& w, Rng& rng) {
    init::normal(1 / std::sqrt(static_cast<double>(fan_of(w.shape()).in)))(w, rng);
  });
  if (bias) bias.set_init(init::zeros());
  gain = parameter("gain", ParamKind::kNorm, {out, 1, 1, 1}, init::ones());
}

Tensor ScaledStandardConv2d::standardised() const {
  const Axes kernel{1, 2, 3};
  const Tensor w = weight, centred = w - mean(w, kernel, true);
  const Tensor squares = sum(square(centred), kernel, true);  // variance times fan_in
  return centred * (rsqrt(maximum(squares, Tensor::scalar(real(1e-4)))) * Tensor(gain));
}

Tensor ScaledStandardConv2d::forward(const Input& x) {
  return conv2d(x.values(), standardised(), bias, spec_);
}

Tensor ScaledStandardConv2d::relu(const Tensor& x) {
  return call(x, [&] { return conv2d_relu(x, standardised(), bias, spec_); });
}

Tensor ScaledActivation::operator()(const Tensor& x) const {
  return activation(name).function(x) * static_cast<real>(factor);
}

ScaledActivation scaled_activation(const std::string& name) {
  static constexpr std::pair<const char*, double> kFactors[] = {
      {"relu", 1.7139588594436646}, {"gelu", 1.7015043497}, {"silu", 1.7881293297}, {"tanh", 1.5939117670}};
  std::vector<std::string> names;
  for (const auto& [known, factor] : kFactors) {
    if (name == known) return {name, factor};
    names.emplace_back(known);
  }
  throw UsageError(unknown_name("activation without normalisation", name, names));
}

std::vector<double> nf_betas(int64 stages, int64 blocks, double alpha) {
  std::vector<double> betas;
  double variance = 1;
  for (int64 s = 0; s < stages; ++s)
    for (int64 b = 0; b < blocks; ++b) {
      betas.push_back(1 / std::sqrt(variance));
      if (b == 0) variance = 1;
      variance += alpha * alpha;
    }
  return betas;
}

NfBlock::NfBlock(int64 in, int64 out, int64 stride, double alpha, double beta, const ScaledActivation& act)
    : alpha_(alpha),
      beta_(beta),
      act_(act),
      conv1_(add<ScaledStandardConv2d>("conv1", in, out, 3, ConvOptions{.stride = stride, .pad = 1})),
      conv2_(add<ScaledStandardConv2d>("conv2", out, out, 3, ConvOptions{.pad = 1})) {
  if (stride != 1) pool_ = &add<AvgPool2d>("pool", 2);
  if (stride != 1 || in != out) shortcut_ = &add<ScaledStandardConv2d>("shortcut", in, out, 1);
  skip_gain_ = parameter("skip_gain", ParamKind::kNorm, {1}, init::zeros());
}

Tensor NfBlock::forward(const Input& x) {
  const Tensor o = act_(x.values()) * static_cast<real>(beta_);
  const Tensor branch = conv2_(act_(conv1_(o)));
  Tensor shortcut = x.values();
  if (shortcut_) shortcut = (*shortcut_)(pool_ ? (*pool_)(o) : o);
  return branch * (Tensor(skip_gain_) * static_cast<real>(alpha_)) + shortcut;
}

NfResNet::NfResNet(const Options& o, const DataShape& data)
    : ImageModel(data, "nf-resnet"),
      act_(scaled_activation(o.act)),
      stem_(add<ScaledStandardConv2d>("stem", data.channels, o.width, 3, ConvOptions{.pad = 1})),
      stages_(add_stages(o, data)),
      avgpool_(add<GlobalAvgPool>("avgpool")),
      fc_(add<Linear>("fc", 4 * o.width, outputs())) {
  fc_.weight.set_kind(ParamKind::kHead);
  fc_.weight.set_init(init::normal(0.01));
  fc_.bias.set_init(init::zeros());
}

std::vector<Sequential*> NfResNet::add_stages(const Options& o, const DataShape& data) {
  if ((o.depth - 2) % 6)
    fail<UsageError>("model nf-resnet: depth = {} is not 6n + 2 (8, 14, 20, 26, 32, ...)", o.depth);
  if (data.height % 4 || data.width % 4)
    fail<UsageError>("model nf-resnet halves images twice: needs sides that are multiples of 4, not {}x{}",
                     data.height, data.width);
  constexpr int64 kStages = 3;
  const int64 blocks = (o.depth - 2) / 6;
  const std::vector<double> betas = nf_betas(kStages, blocks, o.alpha);
  std::vector<Sequential*> stages;
  int64 in = o.width;
  for (int64 s = 0; s < kStages; ++s) {
    stages.push_back(&add<Sequential>(fmt::format("stage{}", s + 1)));
    for (int64 b = 0; b < blocks; ++b) {
      const int64 out = o.width << s;
      stages.back()->push<NfBlock>(in, out, s > 0 && b == 0 ? 2 : 1, o.alpha,
                                   betas[static_cast<size_t>(s * blocks + b)], act_);
      in = out;
    }
  }
  return stages;
}

Tensor NfResNet::forward(const Input& x) {
  Tensor h = stem_(x);
  for (Sequential* stage : stages_) h = (*stage)(h);
  return fc_(avgpool_(act_(h)));
}

}  // namespace gradus
