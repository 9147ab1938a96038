// A network of blocks, each trained by its own goodness: no gradient and no graph reach from one to the next.
//
// Paper: Krutsylo, "Scalable Forward-Forward Algorithm", 2025, arXiv 2501.03176 (SFF).
//   h_0 = x;  for each block k:  z = block_k(detach h_{k-1}),  G = goodness(aux_k(z)),  loss_k = goodness_loss(G, y),
//   a step of block_k and aux_k,  h_k = layernorm(z): over all of a sample's axes, no affine, of the z from before the step
//   prediction: goodness_scores of all blocks (goodness.h)
// aux_k: a convolution ("same" padding) with a channel a class, or behind rows a linear map to units_per_class units a class.
// Memory of a training pass: the activations of one block and its input, whatever the depth.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nn/local/goodness.h"
#include "nn/module.h"

namespace gradus {

/// What a block's loss is read off: the goodness of an auxiliary layer's output, or that output as logits (classifier_head.h; with
/// loss ce and scale 1 and votes that are not normalised).
enum class LocalHead { kGoodness, kClassifier };

/// Children "layer" and "aux".
class ForwardForwardBlock : public Module {
 public:
  ForwardForwardBlock(std::unique_ptr<Module> layer, std::unique_ptr<Module> aux, int64 units_per_class,
                      LocalHead head = LocalHead::kGoodness)
      : layer_(adopt("layer", std::move(layer))),
        aux_(adopt("aux", std::move(aux))),
        units_(units_per_class),
        head_(head) {}
  Tensor forward(const Input& x) override { return layer_(x); }
  std::string describe() const override { return "ForwardForwardBlock"; }
  /// (N,C) of the block's output z; a classifier's logits.
  Tensor goodness_of(const Tensor& z) {
    return head_ == LocalHead::kClassifier ? aux_(z) : goodness(aux_(z), units_);
  }

 private:
  Module &layer_, &aux_;
  int64 units_;
  LocalHead head_;
};

/// Per sample over all further axes: zero mean, unit variance, no gain. (N, ...)
Tensor sample_norm(const Tensor& z, real eps = real(1e-5));

/// relu of a convolution or linear layer whose sizes are its weights': kernel odd, "same" padding, stride 1. For 4-axis weights
/// (out, in, k, k) or 2-axis ones (out, in). Throws ShapeError for an even kernel or another rank.
std::unique_ptr<Module> make_local_layer(const Shape& weight, bool relu);

class ForwardForwardNet : public Module {
 public:
  explicit ForwardForwardNet(const VoteOptions& vote = {}) : vote_(vote) {}
  /// Children "block1", "block2", ...
  ForwardForwardBlock& add_block(std::unique_ptr<Module> layer, std::unique_ptr<Module> aux,
                                 int64 units_per_class = 8, LocalHead head = LocalHead::kGoodness);
  const std::vector<ForwardForwardBlock*>& blocks() const { return blocks_; }

  /// Scores (N, classes) by vote.
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "ForwardForwardNet"; }
  /// Goodness of every block, (B,N,C).
  Tensor goodness_of(const Tensor& x);
  /// scores of it.
  Tensor scores_of(const Tensor& goodness) const { return goodness_scores(goodness, vote_); }

  /// Block k has its loss and gradients (in Parameter::grad): time for its step.
  using Step = std::function<void(size_t k, double loss)>;
  /// One pass over a batch: block by block loss, gradients, `step`. Parameter::grad is cleared again behind each block. Trains
  /// only block `only` where one is given; those in front of it just pass their outputs on, those behind it are not run.
  void train_pass(const Tensor& x, const IntTensor& labels, const GoodnessOptions& options, const Step& step,
                  int64 only = -1);

 private:
  VoteOptions vote_;
  std::vector<ForwardForwardBlock*> blocks_;
};

}  // namespace gradus
