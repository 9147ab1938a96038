// Vision transformer for small images.
//
// Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv 2010.11929: patches of p x p pixels,
// linearly embedded, plus learned positions, pre-norm transformer blocks, layer norm, head. Departure: no
// class token; the head reads the mean over the patches (as the authors' later "Better plain ViT baselines",
// arXiv 2205.01580). Names and first values are timm's: weights of linear layers from a normal of std 0.02
// truncated at two, biases 0.
#pragma once

#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/transformer.h"
#include "nn/model.h"

namespace gradus {

/// Images (N,C,H,W) -> patches (N, H/p * W/p, dim) through a convolution `proj` of kernel and stride p.
class PatchEmbed : public Module {
 public:
  PatchEmbed(int64 channels, int64 dim, int64 patch);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "PatchEmbed"; }

 private:
  Conv2d& proj_;
};

class Vit : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 patch = 4, dim = 128, depth = 6, heads = 4;
    double mlp_ratio = 4, dropout = 0, drop_path = 0, eps = 1e-6;
    std::string act = "gelu", norm = "pre";
    void visit(auto&& f) {
      f("patch", patch, "side of the patches; divides the image", at_least(1));
      f("dim", dim, "size of the embedding", at_least(1));
      f("depth", depth, "number of blocks", at_least(1));
      f("heads", heads, "attention heads; divide dim", at_least(1));
      f("mlp_ratio", mlp_ratio, "hidden units of the perceptrons over dim", positive());
      f("dropout", dropout, "dropout in the blocks", decay_rate());
      f("drop_path", drop_path, "stochastic depth: rate of the last block, rising linearly", decay_rate());
      f("eps", eps, "epsilon of the layer norms", positive());
      f("act", act, "activation of the perceptrons", activation_choices());
      f("norm", norm, "layer norm before the branches or behind the sums", choices({"pre", "post"}));
    }
  };
  Vit(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "Vit"; }

 private:
  ParamSlot pos_embed_;
  PatchEmbed& patch_embed_;
  ModuleList<TransformerBlock>& blocks_;
  LayerNorm& norm_;
  Linear& head_;
};

}  // namespace gradus
