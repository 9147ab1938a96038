// VGG networks for small images.
//
// Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
// arXiv 1409.1556, table 1 (A, B, D, E): 3x3 convolutions, max pooling after each group. Names are
// torchvision's (`features.0.weight`, ...; with norm=none those of vgg11, else of vgg11_bn). Departures for
// small images: pooling stops when the image has become smaller than 2x2, the classifier follows a global
// mean and is one linear layer unless `hidden` adds more.
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

class Vgg : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 depth = 11, width = 64;
    std::string norm = "bn";
    std::vector<int64> hidden = {};
    double dropout = 0;
    void visit(auto&& f) {
      f("depth", depth, "layers with weights in the paper: 11, 13, 16 or 19", between(11, 19));
      f("width", width, "channels of the first group; later groups have 2, 4, 8 and 8 times as many",
        at_least(1));
      f("norm", norm, "normalisation: batch, group or none", choices({"bn", "gn", "none"}));
      f("hidden", hidden, "sizes of hidden layers of the classifier; the paper's: 4096-4096", at_least(1));
      f("dropout", dropout, "dropout behind the hidden layers of the classifier", decay_rate());
    }
  };
  Vgg(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "Vgg"; }

 private:
  struct Step {
    Conv2d* conv = nullptr;
    Norm* norm = nullptr;
    MaxPool2d* pool = nullptr;
  };
  Sequential& features_;
  std::vector<Step> steps_;
  GlobalAvgPool& avgpool_;
  Sequential& classifier_;
};

}  // namespace gradus
