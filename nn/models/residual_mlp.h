// Residual perceptron with normalised branches: the smallest network with the parts of a transformer's, but attention.
//
//   h = x W_in';   per block h = h + relu(N(h; gain) up') down';   logits = N(h; gain_out) W_out'
//   N(h; gain) = h/sqrt(mean(h^2) + 1e-6) * gain
// No biases. First values N(0, 1/fan_in), gains 1. As in Fan et al., 2025, arXiv 2510.15262 (the perceptrons of their networks).
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/model.h"

namespace gradus {

class ResidualMlp : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 width = 128, hidden = 128, blocks = 3;
    void visit(auto&& f) {
      f("width", width, "size of the residual stream", at_least(1));
      f("hidden", hidden, "units of each block", at_least(1));
      f("blocks", blocks, "number of blocks", at_least(0));
    }
  };
  ResidualMlp(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "ResidualMlp"; }

 private:
  struct Block : Module {
    Block(int64 width, int64 hidden);
    Tensor forward(const Input& x) override;
    std::string describe() const override { return "Block"; }
    RMSNorm& norm;
    Linear& up;
    Linear& down;
  };
  Linear& in_;
  ModuleList<Block>& blocks_;
  RMSNorm& norm_;
  Linear& head_;
};

}  // namespace gradus
