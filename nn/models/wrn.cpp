#include "nn/models/wrn.h"

#include "autograd/ops/elementwise.h"
#include "nn/models/resnet.h"

namespace gradus {

WideBlock::WideBlock(int64 in, int64 out, int64 stride, double dropout, const std::string& norm)
    : bn1_(adopt("bn1", make_norm(norm, in))),
      conv1_(
          add<Conv2d>("conv1", in, out, 3, ConvOptions{.stride = stride, .pad = 1, .bias = norm == "none"})),
      bn2_(adopt("bn2", make_norm(norm, out))),
      drop_(add<Dropout>("drop", dropout)),
      conv2_(add<Conv2d>("conv2", out, out, 3, ConvOptions{.pad = 1, .bias = norm == "none"})) {
  if (stride != 1 || in != out)
    shortcut_ = &add<Conv2d>("shortcut", in, out, 1, ConvOptions{.stride = stride, .bias = norm == "none"});
  he_initialise(*this);
  if (norm == "none") conv2_.weight.set_init(init::zeros());
}

Tensor WideBlock::forward(const Input& x) {
  const Tensor a = bn1_.relu(x.values());
  const Tensor branch = conv2_(drop_(bn2_.relu(conv1_(a))));
  return branch + (shortcut_ ? (*shortcut_)(a) : x.values());
}

WideResNet::WideResNet(const Options& o, const DataShape& data)
    : ImageModel(data, "wrn"),
      conv1_(add<Conv2d>("conv1", data.channels, o.channels, 3,
                         ConvOptions{.pad = 1, .bias = o.norm == "none"})),
      block1_(&add_stage("block1", o.channels, o.width * o.channels, 1, o)),
      block2_(&add_stage("block2", o.width * o.channels, 2 * o.width * o.channels, 2, o)),
      block3_(&add_stage("block3", 2 * o.width * o.channels, 4 * o.width * o.channels, 2, o)),
      bn_(adopt("bn", make_norm(o.norm, 4 * o.width * o.channels))),
      avgpool_(add<GlobalAvgPool>("avgpool")),
      fc_(add<Linear>("fc", 4 * o.width * o.channels, outputs())) {
  conv1_.weight.set_init(init::kaiming_normal(0, true));
  fc_.weight.set_kind(ParamKind::kHead);
}

Sequential& WideResNet::add_stage(const std::string& name, int64 in, int64 out, int64 stride,
                                  const Options& o) {
  if ((o.depth - 4) % 6)
    fail<UsageError>("model wrn: depth = {} is not 6n + 4 (10, 16, 22, 28, 40)", o.depth);
  Sequential& stage = add<Sequential>(name);
  for (int64 i = 0; i < (o.depth - 4) / 6; ++i)
    stage.push<WideBlock>(i ? out : in, out, i ? 1 : stride, o.dropout, o.norm);
  return stage;
}

Tensor WideResNet::forward(const Input& x) {
  const Tensor h = (*block3_)((*block2_)((*block1_)(conv1_(x))));
  return fc_(avgpool_(bn_.relu(h)));
}

}  // namespace gradus
