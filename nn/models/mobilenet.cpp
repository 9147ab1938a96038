#include "nn/models/mobilenet.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "nn/layers/activation.h"
#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "nn/models/resnet.h"

namespace gradus {
namespace {

struct Stage {
  int64 channels, blocks, stride;
};
constexpr int64 kStem = 16, kLast = 256;
constexpr Stage kStages[] = {{16, 1, 1}, {24, 2, 2}, {32, 2, 2}, {64, 2, 2}, {96, 1, 1}};

int64 scaled(int64 channels, double width) {
  return std::max<int64>(1, std::llround(static_cast<double>(channels) * width));
}

}  // namespace

ConvNormRelu6::ConvNormRelu6(int64 in, int64 out, int64 kernel, int64 stride, int64 groups,
                             const std::string& norm) {
  push<Conv2d>(in, out, kernel,
               ConvOptions{.stride = stride, .pad = kernel / 2, .groups = groups, .bias = false});
  push(make_norm(norm, out));
  push<Activate>("relu6");
}

InvertedResidual::InvertedResidual(int64 in, int64 out, int64 stride, int64 expand, const std::string& norm)
    : conv_(add<Sequential>("conv")), residual_(stride == 1 && in == out) {
  const int64 hidden = in * expand;
  if (expand != 1) conv_.push<ConvNormRelu6>(in, hidden, 1, 1, 1, norm);
  conv_.push<ConvNormRelu6>(hidden, hidden, 3, stride, hidden, norm);
  conv_.push<Conv2d>(hidden, out, 1, ConvOptions{.bias = false});
  conv_.push(make_norm(norm, out));
}

Tensor InvertedResidual::forward(const Input& x) { return residual_ ? x.values() + conv_(x) : conv_(x); }

MobileNetMini::MobileNetMini(const Options& o, const DataShape& data)
    : ImageModel(data, "mobilenet-mini"),
      features_(add<Sequential>("features")),
      avgpool_(add<GlobalAvgPool>("avgpool")),
      classifier_(add<Sequential>("classifier")) {
  int64 channels = scaled(kStem, o.width);
  features_.push<ConvNormRelu6>(data.channels, channels, 3, 1, 1, o.norm);
  int64 expand = 1;  // the first stage does not expand
  for (const Stage& s : kStages) {
    const int64 out = scaled(s.channels, o.width);
    for (int64 i = 0; i < s.blocks; ++i) {
      features_.push<InvertedResidual>(channels, out, i ? 1 : s.stride, expand, o.norm);
      channels = out;
    }
    expand = o.expand;
  }
  const int64 last = scaled(kLast, o.width);
  features_.push<ConvNormRelu6>(channels, last, 1, 1, 1, o.norm);
  he_initialise(*this);
  classifier_.push<Dropout>(o.dropout);
  Linear& head = classifier_.push<Linear>(last, outputs());
  head.weight.set_init(init::normal(0.01));
  head.bias.set_init(init::zeros());
  head.weight.set_kind(ParamKind::kHead);
}

Tensor MobileNetMini::forward(const Input& x) { return classifier_(avgpool_(features_(x))); }

}  // namespace gradus
