// First-order rules whose update, not whose gradient, is clipped.
//
// Paper: Keskinen, "Hard ASH: Sparsity and the right optimizer make a continual learner", 2024, arXiv 2404.17651.
//   p += clip(-lr*u, -clip, clip), element by element, with u of
//   adagrad: acc = initial_accumulator at first, acc += g^2, u = g/sqrt(acc + 1e-7)
//   rmsprop: v = 0 at first, v = decay*v + (1-decay)*g^2, u = g/sqrt(v + 1e-8), not corrected for its start
//   adam:    u = (m/(1-beta1^t))/(sqrt(v/(1-beta2^t)) + 1e-8)
//   sgdm:    m = momentum*m + g, u = m;     sgd: u = g
// State lives on from task to task: what weights of rarely active units have not used up yet lets them move later.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"
#include "optim/state_archive.h"

namespace gradus {

struct ClippedUpdateOptions {
  std::string optimizer = "adagrad";
  double lr = 2e-4, clip = 0.01, initial_accumulator = 1e-6, decay = 0.9993, beta1 = 0.98, beta2 = 0.9995,
         momentum = 0.99;
  void visit(auto&& f) {
    f("optimizer", optimizer, "the rule", choices({"adagrad", "rmsprop", "adam", "sgdm", "sgd"}));
    f("lr", lr, "step size", positive());
    f("clip", clip, "largest change of a weight in one step", positive());
    f("initial_accumulator", initial_accumulator, "adagrad: where the sum of squares starts", at_least(0));
    f("decay", decay, "rmsprop: of the mean of squares", decay_rate());
    f("beta1", beta1, "adam: decay of the gradient mean", decay_rate());
    f("beta2", beta2, "adam: decay of the mean of squares", decay_rate());
    f("momentum", momentum, "sgdm", decay_rate());
  }
};

class ClippedUpdate {
 public:
  /// Updates copies of `params`.
  ClippedUpdate(std::span<const Tensor> params, const ClippedUpdateOptions& options);
  /// Gradients in the order of the parameters. Throws ShapeError, and NumericError for one that is not finite (nothing moves).
  void step(std::span<const Tensor> grads);
  const std::vector<Tensor>& params() const { return params_; }
  void state(const StateArchive& archive);

 private:
  ClippedUpdateOptions o_;
  std::vector<Tensor> params_, m_, v_;
  int64 t_ = 0;
};

}  // namespace gradus
