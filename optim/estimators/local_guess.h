// Training a network in blocks whose gradients are guessed by local losses.
//
// Paper: Fournier, Rivaud, Belilovsky, Eickenberg, Oyallon, "Can Forward Gradient Match Backpropagation?", ICML 2023,
//        arXiv 2306.06968.
//   x_k = block_k(x_{k-1}),  loss = CE(classifier(x_B)),  local loss l_k = CE(head_k(block_k(detach x_{k-1})))  for k < B
//   target t: gradient of the loss (global) or of l_k (local);  guess g: gradient of l_k (local), or N(0, I) (random)
//   k < B: the gradient of every tensor of block_k is the projection of t on g (guess_projection.h), each tensor by itself:
//     weight      sample by sample, from their contributions to the mean loss
//     avg-weight  of the gradients of the batch: one number a tensor
//     activation  at the block's output, sample by sample over the whole feature map, then back through the block alone
//   heads: their own local gradient;  last block and classifier: the true one
// A random guess is not normalised (<t, g>*g) unless asked for. The target is taken here by reverse mode, which gives the same
// numbers as forward mode along g; `gradus train --gradient local-forward` takes it by forward mode.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "optim/estimators/local_layer.h"

namespace gradus {

struct GuessOptions {
  std::string space = "weight", target = "global", guess = "local";
  bool normalise_random = false;
  double eps = 1e-16;
  void visit(auto&& f) {
    f("space", space, "what is projected", choices({"weight", "avg-weight", "activation"}));
    f("target", target, "loss whose gradient is estimated", choices({"global", "local"}));
    f("guess", guess, "direction it is projected on", choices({"local", "random"}));
    f("normalise_random", normalise_random, "divide by the squared length of a random guess too");
    f("eps", eps, "added to the squared length of a guess", at_least(0));
  }
};

/// A block and what reads its output: an auxiliary head; the classifier behind the last block. Heads give logits (N,C).
struct GuessBlock {
  LocalLayer layer, head;
};

struct GuessGradient {
  double loss = 0;
  std::vector<double> local_losses;                ///< of all blocks but the last
  std::vector<std::vector<Tensor>> layers, heads;  ///< gradients, block by block
  std::vector<double>
      cosines;  ///< of guess and target, all tensors of a block (or its output) together; not the last
};
/// Gradients at the present parameters. `rng` draws random guesses (block k by rng.fork(k)) and may be null without them. Throws
/// UsageError for no block, GraphError where samples influence each other in space `weight`.
GuessGradient guess_gradient(std::span<const GuessBlock> blocks, const Tensor& x, const IntTensor& labels,
                             const GuessOptions& options, const Rng* rng = nullptr);

}  // namespace gradus
