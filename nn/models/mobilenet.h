// A small MobileNetV2.
//
// Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, arXiv 1801.04381.
//   block(x) = project(relu6(depthwise3x3(relu6(expand(x))))), + x where the shape stays;
//   batch norm behind each convolution;
//   expand and project are 1x1 convolutions.
// Departure: fewer and narrower stages and an image halved three times, for 32x32 images; table kStages in
// the source. Names are torchvision's (`features.1.conv.0.0.weight`, ..., `classifier.1.weight`).
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

/// Sequential(conv, norm, relu6) without bias; torchvision's ConvNormActivation.
class ConvNormRelu6 : public Sequential {
 public:
  ConvNormRelu6(int64 in, int64 out, int64 kernel, int64 stride, int64 groups, const std::string& norm);
};

class InvertedResidual : public Module {
 public:
  InvertedResidual(int64 in, int64 out, int64 stride, int64 expand, const std::string& norm);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "InvertedResidual"; }

 private:
  Sequential& conv_;
  bool residual_;
};

class MobileNetMini : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    double width = 1, dropout = 0;
    int64 expand = 4;
    std::string norm = "bn";
    void visit(auto&& f) {
      f("width", width, "multiplies the number of channels", positive());
      f("expand", expand, "expansion of the inverted residuals", at_least(1));
      f("dropout", dropout, "dropout before the classifier", decay_rate());
      f("norm", norm, "normalisation: batch or group", choices({"bn", "gn"}));
    }
  };
  MobileNetMini(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "MobileNetMini"; }

 private:
  Sequential& features_;
  GlobalAvgPool& avgpool_;
  Sequential& classifier_;
};

}  // namespace gradus
