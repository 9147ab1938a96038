// The small convolutional network of the common MNIST tutorials.
#pragma once

#include "nn/layers/conv.h"
#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

/// conv1 3x3, relu, conv2 3x3, relu, max pool 2, fc1, relu, fc2; convolutions without padding. On 1x28x28
/// with the default sizes: 1-32-64 channels, 9216-128-10 units.
class LeNet : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 conv1 = 32, conv2 = 64, hidden = 128;
    double dropout = 0;
    void visit(auto&& f) {
      f("conv1", conv1, "channels of the first convolution", at_least(1));
      f("conv2", conv2, "channels of the second convolution", at_least(1));
      f("hidden", hidden, "units of fc1", at_least(1));
      f("dropout", dropout, "dropout before fc1 and fc2", decay_rate());
    }
  };
  LeNet(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "LeNet"; }

 private:
  Conv2d &conv1_, &conv2_;
  MaxPool2d& pool_;
  Dropout& drop_;
  Linear &fc1_, &fc2_;
};

}  // namespace gradus
