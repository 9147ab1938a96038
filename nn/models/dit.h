// Diffusion transformer: an image's patches, and its time and class in the gains of every block.
//
// Peebles, Xie, "Scalable Diffusion Models with Transformers", ICCV 2023, arXiv 2212.09748, in its form adaLN-Zero:
//   c = time2(silu(time1(sinusoid(t)))) + class_embed(y)
//   (sh1, sc1, g1, sh2, sc2, g2) = ada(silu(c)), zero at the start
//   h = h + g1 attn(LN(h) (1 + sc1) + sh1);  h = h + g2 mlp(LN(h) (1 + sc2) + sh2);  LN without gain and bias
//   out = unpatch(head(LN(h) (1 + sc) + sh)),  (sh, sc) = ada_out(silu(c)); both zero at the start
// Departures: learned positions; the class of index `classes` is "none".
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/embedding.h"
#include "nn/layers/transformer.h"
#include "nn/models/vit.h"

namespace gradus {

class DitBlock : public Module {
 public:
  DitBlock(int64 dim, int64 heads, double mlp_ratio);
  /// h (B,T,D), condition (B,D) behind its silu -> (B,T,D).
  Tensor with(const Tensor& h, const Tensor& condition);
  /// Throws UsageError: a block needs its condition.
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "DitBlock"; }

 private:
  MultiHeadAttention& attn_;
  FeedForward& mlp_;
  Linear& ada_;
};

/// Called with Input::time (N) in [0, 1] and, optionally, Input::classes (N) with -1 for "none".
class Dit : public ImageModel {
 public:
  static constexpr Task kTask = Task::kDenoising;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 patch = 4, dim = 64, depth = 4, heads = 4, out_channels = 0;
    double mlp_ratio = 4;
    void visit(auto&& f) {
      f("patch", patch, "side of the patches; divides the image", at_least(1));
      f("dim", dim, "size of the embedding, even", at_least(2));
      f("depth", depth, "number of blocks", at_least(1));
      f("heads", heads, "attention heads; divide dim", at_least(1));
      f("mlp_ratio", mlp_ratio, "hidden units of the perceptrons over dim", positive());
      f("out_channels", out_channels, "channels of the output; 0: as many as the input", at_least(0));
    }
  };
  Dit(const Options& options, const DataShape& data);
  Task task() const override { return kTask; }
  Input example(int64 n) const override;
  Tensor forward(const Input& x) override { return with_taps(x, nullptr); }
  /// The output; `taps`, if given, gets the maps (N,dim,H/patch,W/patch) behind each block.
  Tensor with_taps(const Input& x, std::vector<Tensor>* taps);
  std::string describe() const override { return "Dit"; }

 private:
  int64 patch_, dim_, out_channels_;
  ParamSlot pos_embed_;
  PatchEmbed& patch_embed_;
  Linear &time1_, &time2_;
  Embedding& class_embed_;
  ModuleList<DitBlock>& blocks_;
  Linear& ada_out_;
  Linear& head_;
};

}  // namespace gradus
