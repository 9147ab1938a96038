#include "nn/models/vgg.h"

#include "nn/layers/activation.h"
#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "nn/models/resnet.h"

namespace gradus {
namespace {

// Convolutions in each of the five groups.
std::array<int64, 5> layers_per_stage(int64 depth) {
  switch (depth) {
    case 11:
      return {1, 1, 2, 2, 2};
    case 13:
      return {2, 2, 2, 2, 2};
    case 16:
      return {2, 2, 3, 3, 3};
    case 19:
      return {2, 2, 4, 4, 4};
    default:
      fail<UsageError>("model vgg: depth = {} is not one of 11, 13, 16, 19", depth);
  }
}

}  // namespace

Vgg::Vgg(const Options& o, const DataShape& data)
    : ImageModel(data, "vgg"),
      features_(add<Sequential>("features")),
      avgpool_(add<GlobalAvgPool>("avgpool")),
      classifier_(add<Sequential>("classifier")) {
  constexpr std::array<int64, 5> kFactors{1, 2, 4, 8, 8};
  const std::array<int64, 5> counts = layers_per_stage(o.depth);
  int64 channels = data.channels, side = std::min(data.height, data.width);
  for (size_t g = 0; g < counts.size(); ++g) {
    for (int64 i = 0; i < counts[g]; ++i) {
      const int64 out = o.width * kFactors[g];
      Step step{.conv = &features_.push<Conv2d>(channels, out, 3, ConvOptions{.pad = 1})};
      if (o.norm != "none") step.norm = &features_.push(make_norm(o.norm, out));
      features_.push<Activate>("relu");
      steps_.push_back(step);
      channels = out;
    }
    MaxPool2d& pool = features_.push<MaxPool2d>(2);  // takes its number even where it is not used
    if (side >= 2) steps_.push_back({.pool = &pool});
    side /= 2;
  }
  he_initialise(features_);
  for (int64 hidden : o.hidden) {
    classifier_.push<Linear>(channels, hidden);
    classifier_.push<Activate>("relu");
    classifier_.push<Dropout>(o.dropout);
    channels = hidden;
  }
  classifier_.push<Linear>(channels, outputs()).weight.set_kind(ParamKind::kHead);
}

Tensor Vgg::forward(const Input& x) {
  Tensor h = x.values();
  {
    const ModuleScope scope(features_.name());
    for (const Step& s : steps_) {
      if (s.pool) {
        h = (*s.pool)(h);
      } else {
        h = s.norm ? s.norm->relu((*s.conv)(h)) : s.conv->relu(h);
      }
    }
  }
  return classifier_(avgpool_(h));
}

}  // namespace gradus
