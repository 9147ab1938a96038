// Residual networks for small images.
//
// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv 1512.03385, section
// 4.2: conv 3x3 to w channels, three stages of n = (depth - 2) / 6 basic blocks with w, 2w, 4w channels, the
// second and third halving the image, global mean, one linear layer.
//   block(x) = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))
// Departure: where the shape changes the shortcut is a 1x1 convolution with batch norm (the paper's option B,
// as in torchvision) instead of zero padding. Names and first values are torchvision's.
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

/// Two 3x3 convolutions with a shortcut. Without norm the convolutions have biases and conv2 starts at zero,
/// so that each block starts as the identity (Zhang et al., "Fixup Initialization", ICLR 2019, arXiv
/// 1901.09321).
class BasicBlock : public Module {
 public:
  BasicBlock(int64 in, int64 out, int64 stride, const std::string& norm);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "BasicBlock"; }

 private:
  Conv2d& conv1_;
  Norm& bn1_;
  Conv2d& conv2_;
  Norm& bn2_;
  Sequential* downsample_ = nullptr;
};

class ResNet : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 depth = 20, width = 16;
    std::string norm = "bn";
    void visit(auto&& f) {
      f("depth", depth, "layers with weights, 6n + 2", at_least(8));
      f("width", width, "channels of the first stage", at_least(1));
      f("norm", norm, "normalisation: batch, group or none", choices({"bn", "gn", "none"}));
    }
  };
  ResNet(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "ResNet"; }

 private:
  Sequential& add_stage(const std::string& name, int64 in, int64 out, int64 stride, const Options& options);

  Conv2d& conv1_;
  Norm& bn1_;
  Sequential *layer1_, *layer2_, *layer3_;
  GlobalAvgPool& avgpool_;
  Linear& fc_;
};

/// Draws the weights of all convolutions below `module` from N(0, 2 / fan_out), as torchvision's networks do.
void he_initialise(Module& module);

}  // namespace gradus
