// Goodness: a class's score read off the squares of a block's own activations.
//
// Paper: Krutsylo, "Scalable Forward-Forward Algorithm", 2025, arXiv 2501.03176; the goodness of Hinton, "The Forward-Forward
//        Algorithm", 2022, arXiv 2212.13345, a class.
//   a = aux(z), one channel a class:  G[n,c] = mean over (H,W) of a[n,c]^2;  of rows: mean over the g units of the class
//   ce: -log softmax(scale*G)_y
//   ff: softplus(-(G_y - tau)) + mean over c != y of softplus(G_c - tau)      the true class is the positive, all others are negatives
//   scores: mean over blocks of softmax(G_block) (normalize) or of G_block, or those of the last block
// The loss on the vector of goodness is a reconstruction: the paper's text leaves its form open.
#pragma once

#include <string>

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

/// (N,C,H,W) -> (N,C), or (N, C*g) -> (N,C): units c*g ... c*g + g - 1 are those of class c. Throws ShapeError.
Tensor goodness(const Tensor& a, int64 units_per_class = 8);

struct GoodnessOptions {
  std::string loss = "ce";
  double scale = 1, tau = 2;
  void visit(auto&& f) {
    f("loss", loss, "ce: cross-entropy of goodness; ff: each class against a threshold",
      choices({"ce", "ff"}));
    f("scale", scale, "ce: factor on goodness", positive());
    f("tau", tau, "ff: the threshold");
  }
};
/// Mean over samples; G (N,C), labels (N). Throws ShapeError, DataError for a label out of range.
Tensor goodness_loss(const Tensor& goodness, const IntTensor& labels, const GoodnessOptions& options = {});

struct VoteOptions {
  std::string vote = "all";
  bool normalize = true;
  void visit(auto&& f) {
    f("vote", vote, "all: mean over blocks; last: the last block alone", choices({"all", "last"}));
    f("normalize", normalize, "softmax of each block's goodness, so that no block decides by its scale");
  }
};
/// (B,N,C) of all blocks -> scores (N,C). The class is their argmax.
Tensor goodness_scores(const Tensor& goodness, const VoteOptions& options = {});

}  // namespace gradus
