// OML: a representation learned for little interference.
//
// Paper: Javed, Yao, White, "Is Fast Adaptation All You Need?", NeurIPS 2019 workshop on meta-learning, arXiv 1910.01705
// (objective: Javed, White, "Meta-Learning Representations for Continual Learning", NeurIPS 2019, arXiv 1905.12588).
//   theta: the representation, moved by meta steps alone;  w: the last layer (weight, bias), moved by the inner loop from a
//   start that is meta-learned too
//   w_0 = w;  w_{k+1} = w_k - update_lr*clip(dL(phi_theta(x_k), w_k)/dw)  over a stream of several tasks, one after another
//   meta loss = L(phi_theta(X), w_K) on data of all of them;  one step on theta and w with its gradient through the loop
// MAML-Rep, the comparison, differs in data alone: batches of one task, and the meta loss on the same task.
#pragma once

#include <functional>
#include <span>

#include "optim/bilevel/inner_loop.h"

namespace gradus {

/// Dense ReLU layers W1, b1, ..., Wn, bn: the last pair is the prediction layer, all before it the representation.
struct OmlNetwork {
  /// phi_theta(x): what the last layer sees. x (N, in).
  static Tensor represent(std::span<const Tensor> params, const Tensor& x);
  /// The last layer at features h.
  static Tensor predict(std::span<const Tensor> last, const Tensor& h);
};

/// A loss of predictions (N, out): k = 0, 1, ... the batch of the stream, or kMetaBatch.
inline constexpr int64 kMetaBatch = -1;
using OmlLoss = std::function<Tensor(const Tensor& predictions, int64 k)>;

struct OmlData {
  Tensors stream;  ///< x of each batch, in order
  Tensor meta;     ///< X of the meta loss
  OmlLoss loss;
};
struct OmlGradient {
  double first_loss = 0;  ///< meta loss with the weights as they were
  double meta_loss = 0;
  Tensors grads;  ///< of the meta loss in all first parameters
  Tensors fast;   ///< weight and bias after the loop
};
/// Throws ShapeError unless there are two parameters or more that fit.
OmlGradient oml_meta_gradient(std::span<const Tensor> params, const OmlData& data, const InnerLoop& options);

/// The weight (C,h) of the last layer with rows `classes` replaced by `fresh` (R,h), the later ones where a class is named
/// twice: in classification, classes of the stream are drawn anew, else they are memorised and the inner gradients vanish. Throws
/// ShapeError, DataError for a class out of range.
Tensor with_fresh_rows(const Tensor& weight, const IntTensor& classes, const Tensor& fresh);

/// The last layer after one pass over a stream with plain SGD; the representation does not move.
Tensors learn_online(std::span<const Tensor> params, const OmlData& data, double lr);

}  // namespace gradus
