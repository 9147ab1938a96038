// U-Net that predicts the noise in an image, given the time and a class.
//
// Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, arXiv 2006.11239, appendix B
// (after Ronneberger et al., MICCAI 2015): residual blocks with group norm and SiLU at each resolution,
// self-attention at the lowest, skip connections from the way down to the way up; the time enters every block
// through sinusoidal features and a small perceptron. The class is an embedding added to the time's; index
// `classes` stands for "none" (classifier-free guidance, Ho and Salimans, 2022, arXiv 2207.12598).
//   block(x, e) = skip(x) + conv2(dropout(silu(norm2(conv1(silu(norm1(x))) + emb(silu(e))))))
// conv2 and the output convolution start at zero, as in the authors' code.
#pragma once

#include "nn/layers/attention.h"
#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/embedding.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/model.h"

namespace gradus {

class UNetBlock : public Module {
 public:
  UNetBlock(int64 in, int64 out, int64 embedding, double dropout);
  /// x (N,in,H,W), embedding (N,E) -> (N,out,H,W).
  Tensor with(const Tensor& x, const Tensor& embedding);
  /// Throws UsageError: a block needs its embedding.
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "UNetBlock"; }

 private:
  GroupNorm& norm1_;
  Conv2d& conv1_;
  Linear& emb_;
  GroupNorm& norm2_;
  Dropout& drop_;
  Conv2d& conv2_;
  Conv2d* skip_ = nullptr;
};

/// x + attention over the positions of a feature map, group norm before.
class SpatialAttention : public Module {
 public:
  SpatialAttention(int64 channels, int64 heads);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "SpatialAttention"; }

 private:
  GroupNorm& norm_;
  MultiHeadAttention& attn_;
};

/// Called with Input::time (N) in [0, 1] and, optionally, Input::classes (N) with -1 for "none".
class UNet : public ImageModel {
 public:
  static constexpr Task kTask = Task::kDenoising;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 channels = 16, blocks = 1, heads = 4;
    std::vector<int64> mults = {1, 2, 2};
    double dropout = 0;
    void visit(auto&& f) {
      f("channels", channels, "channels at full resolution", at_least(1));
      f("mults", mults, "channels of each resolution over `channels`; each halves the image", at_least(1));
      f("blocks", blocks, "residual blocks at each resolution", at_least(1));
      f("heads", heads, "attention heads at the lowest resolution", at_least(1));
      f("dropout", dropout, "dropout in the residual blocks", decay_rate());
    }
  };
  UNet(const Options& options, const DataShape& data);
  Task task() const override { return kTask; }
  Input example(int64 n) const override;
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "UNet"; }

 private:
  Tensor condition(const Input& x);

  int64 width_;
  Linear &time1_, &time2_;
  Embedding& class_embed_;
  Conv2d& conv_in_;
  ModuleList<UNetBlock>& down_;
  ModuleList<Conv2d>& shrink_;
  UNetBlock* mid1_ = nullptr;
  SpatialAttention* mid_attn_ = nullptr;
  UNetBlock* mid2_ = nullptr;
  ModuleList<UNetBlock>& up_;
  ModuleList<Conv2d>& grow_;
  GroupNorm* norm_out_ = nullptr;
  Conv2d* conv_out_ = nullptr;
  size_t levels_, blocks_;
};

}  // namespace gradus
