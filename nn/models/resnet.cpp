#include "nn/models/resnet.h"

namespace gradus {

void he_initialise(Module& module) {
  module.visit([](Module& m, const std::string&) {
    if (const auto* conv = dynamic_cast<Conv2d*>(&m)) conv->weight.set_init(init::kaiming_normal(0, true));
  });
}

BasicBlock::BasicBlock(int64 in, int64 out, int64 stride, const std::string& norm)
    : conv1_(
          add<Conv2d>("conv1", in, out, 3, ConvOptions{.stride = stride, .pad = 1, .bias = norm == "none"})),
      bn1_(adopt("bn1", make_norm(norm, out))),
      conv2_(add<Conv2d>("conv2", out, out, 3, ConvOptions{.pad = 1, .bias = norm == "none"})),
      bn2_(adopt("bn2", make_norm(norm, out))) {
  he_initialise(*this);
  if (norm == "none") conv2_.weight.set_init(init::zeros());
  if (stride == 1 && in == out) return;
  downsample_ = &add<Sequential>("downsample");
  downsample_->push<Conv2d>(in, out, 1, ConvOptions{.stride = stride, .bias = norm == "none"});
  downsample_->push(make_norm(norm, out));
  he_initialise(*downsample_);
}

Tensor BasicBlock::forward(const Input& x) {
  const Tensor branch = conv2_(bn1_.relu(conv1_(x)));
  return bn2_.add_relu(branch, downsample_ ? (*downsample_)(x) : x.values());
}

ResNet::ResNet(const Options& o, const DataShape& data)
    : ImageModel(data, "resnet"),
      conv1_(
          add<Conv2d>("conv1", data.channels, o.width, 3, ConvOptions{.pad = 1, .bias = o.norm == "none"})),
      bn1_(adopt("bn1", make_norm(o.norm, o.width))),
      layer1_(&add_stage("layer1", o.width, o.width, 1, o)),
      layer2_(&add_stage("layer2", o.width, 2 * o.width, 2, o)),
      layer3_(&add_stage("layer3", 2 * o.width, 4 * o.width, 2, o)),
      avgpool_(add<GlobalAvgPool>("avgpool")),
      fc_(add<Linear>("fc", 4 * o.width, outputs())) {
  conv1_.weight.set_init(init::kaiming_normal(0, true));
  fc_.weight.set_kind(ParamKind::kHead);
}

Sequential& ResNet::add_stage(const std::string& name, int64 in, int64 out, int64 stride, const Options& o) {
  if ((o.depth - 2) % 6)
    fail<UsageError>("model resnet: depth = {} is not 6n + 2 (8, 14, 20, 26, 32, 44, 56, 110)", o.depth);
  Sequential& stage = add<Sequential>(name);
  for (int64 i = 0; i < (o.depth - 2) / 6; ++i)
    stage.push<BasicBlock>(i ? out : in, out, i ? 1 : stride, o.norm);
  return stage;
}

Tensor ResNet::forward(const Input& x) {
  const Tensor h = bn1_.relu(conv1_(x));
  return fc_(avgpool_((*layer3_)((*layer2_)((*layer1_)(h)))));
}

}  // namespace gradus
