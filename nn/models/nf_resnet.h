// Residual networks without normalisation.
//
// Brock, De, Smith, Simonyan, "High-Performance Large-Scale Image Recognition Without Normalization", ICML 2021, arXiv
// 2102.06171; Brock, De, Smith, "Characterizing signal propagation to close the performance gap in unnormalized
// ResNets", ICLR 2021, arXiv 2101.08692. Details as deepmind-research nfnets.
//   W_hat = gain * (W - mean(W)) / sqrt(max(var(W)*fan_in, 1e-4))          per output channel, biased variance
//   block:  o = act(x)*beta;   y = alpha * skip_gain * conv2(act(conv1(o))) + shortcut;   skip_gain starts at 0
//           shortcut = x, or conv1x1(o) where channels change (of the means of 2x2 pixels where the image is halved)
//   beta = 1/sqrt(variance expected at the block): 1 at first, + alpha^2 after each block, set back to 1 by the first
//   block of a stage (which itself still sees what had grown)
//   act carries a factor so that unit variance stays unit variance
// Departures: basic blocks of two 3x3 convolutions in three stages of w, 2w, 4w channels, as small images want; no
// squeeze-and-excitation, no stochastic depth. To be trained with the transform nfnet-agc.
#pragma once

#include <string>
#include <vector>

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

/// Conv2d on W_hat with a gain per channel, starting at 1; W starts as N(0, 1/fan_in), the bias at 0. Unlike
/// WeightStandardConv2d the kernel's sum of squares, not its variance, is gain^2.
class ScaledStandardConv2d : public Conv2d {
 public:
  ScaledStandardConv2d(int64 in, int64 out, int64 kernel, const ConvOptions& options = {});
  Tensor forward(const Input& x) override;
  Tensor relu(const Tensor& x) override;
  std::string describe() const override { return "ScaledStandard" + Conv2d::describe(); }
  bool plain_weight() const override { return false; }
  /// W_hat, of weight's shape.
  Tensor standardised() const;

  ParamSlot gain;
};

/// An activation times the factor that gives it unit variance for normal inputs.
struct ScaledActivation {
  std::string name;
  double factor;
  Tensor operator()(const Tensor& x) const;
};
/// relu, gelu, silu or tanh.
ScaledActivation scaled_activation(const std::string& name);

/// beta of every block, stage by stage.
std::vector<double> nf_betas(int64 stages, int64 blocks, double alpha);

class NfBlock : public Module {
 public:
  /// stride 1 or 2; a block that halves or changes channels is a transition.
  NfBlock(int64 in, int64 out, int64 stride, double alpha, double beta, const ScaledActivation& act);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "NfBlock"; }

 private:
  double alpha_, beta_;
  ScaledActivation act_;
  ScaledStandardConv2d &conv1_, &conv2_;
  ScaledStandardConv2d* shortcut_ = nullptr;
  AvgPool2d* pool_ = nullptr;
  ParamSlot skip_gain_;
};

class NfResNet : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 depth = 14, width = 16;
    double alpha = 0.2;
    std::string act = "relu";
    void visit(auto&& f) {
      f("depth", depth, "layers with weights, 6n + 2", at_least(8));
      f("width", width, "channels of the first stage", at_least(1));
      f("alpha", alpha, "size of a block's branch", positive());
      f("act", act, "activation", choices({"relu", "gelu", "silu", "tanh"}));
    }
  };
  /// Throws UsageError for images whose sides are not multiples of 4.
  NfResNet(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "NfResNet"; }

 private:
  std::vector<Sequential*> add_stages(const Options& options, const DataShape& data);

  ScaledActivation act_;
  ScaledStandardConv2d& stem_;
  std::vector<Sequential*> stages_;
  GlobalAvgPool& avgpool_;
  Linear& fc_;
};

}  // namespace gradus
