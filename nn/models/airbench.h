// The network of the CIFAR-10 speed run.
//
// Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv 2404.00498, sections 2 and 3.
//   whiten: 2x2 convolution without padding whose fixed filters are the eigenvectors
//           of the training images' 2x2 patches over sqrt(eigenvalue + 5e-4), and their negatives
//           (24 of them for colour images); GELU
//   three blocks: conv 3x3, max pool 2, batch norm, GELU, conv 3x3, batch norm, GELU
//   max pool 3, linear without bias, logits divided by 9.
// Batch norms keep weight 1 and learn the bias, momentum 0.4 in torch's counting, eps 1e-12. Convolutions
// start as torch's default with the first `in` filters set to the identity (Dirac). The optimizer side
// (lookahead, scaled bias rates, alternating flip; the bias of `whiten`, which begins at 0, learns for three epochs) is
// not part of the network: README.md has the whole recipe.
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

class AirbenchBlock : public Module {
 public:
  AirbenchBlock(int64 in, int64 out);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "AirbenchBlock"; }

 private:
  Conv2d& conv1_;
  MaxPool2d& pool_;
  BatchNorm2d& norm1_;
  Conv2d& conv2_;
  BatchNorm2d& norm2_;
};

class Airbench : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    std::vector<int64> widths = {64, 256, 256};
    void visit(auto&& f) { f("widths", widths, "channels of the blocks", at_least(1)); }
  };
  Airbench(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  /// Sets the whitening filters from training images (N,C,H,W); the paper takes the first 5,000.
  void prepare(const Input& inputs) override;
  std::string describe() const override { return "Airbench"; }

 private:
  Conv2d& whiten_;
  ModuleList<AirbenchBlock>& blocks_;
  MaxPool2d* pool_ = nullptr;
  Linear* head_ = nullptr;
};

}  // namespace gradus
