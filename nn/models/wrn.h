// Wide residual networks.
//
// Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016, arXiv 1605.07146: three stages of
// n = (depth - 4) / 6 pre-activation blocks with 16k, 32k, 64k channels (k = width).
//   a = relu(bn1(x));  block(x) = shortcut + conv2(dropout(relu(bn2(conv1(a)))))
// with shortcut = x, or a 1x1 convolution of a where the number of channels changes.
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

class WideBlock : public Module {
 public:
  WideBlock(int64 in, int64 out, int64 stride, double dropout, const std::string& norm);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "WideBlock"; }

 private:
  Norm& bn1_;
  Conv2d& conv1_;
  Norm& bn2_;
  Dropout& drop_;
  Conv2d& conv2_;
  Conv2d* shortcut_ = nullptr;
};

class WideResNet : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 depth = 16, width = 2, channels = 16;
    double dropout = 0;
    std::string norm = "bn";
    void visit(auto&& f) {
      f("depth", depth, "layers with weights, 6n + 4", at_least(10));
      f("width", width, "widening factor k", at_least(1));
      f("channels", channels, "channels of the first convolution", at_least(1));
      f("dropout", dropout, "dropout between the convolutions of a block", decay_rate());
      f("norm", norm, "normalisation: batch, group or none", choices({"bn", "gn", "none"}));
    }
  };
  WideResNet(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "WideResNet"; }

 private:
  Sequential& add_stage(const std::string& name, int64 in, int64 out, int64 stride, const Options& options);

  Conv2d& conv1_;
  Sequential *block1_, *block2_, *block3_;
  Norm& bn_;
  GlobalAvgPool& avgpool_;
  Linear& fc_;
};

}  // namespace gradus
