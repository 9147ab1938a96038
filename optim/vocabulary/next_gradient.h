// The next gradient guessed from the last ones: regularised minimal polynomial extrapolation of a sequence of gradients.
// Scieur, d'Aspremont, Bach, "Regularized Nonlinear Acceleration", NIPS 2016, arXiv 1606.04133; on gradients: Wang, Li,
// Karimi, Li, ACML 2021, arXiv 1903.01435, Algorithm 3.
#pragma once

#include <functional>

#include "optim/vocabulary/parts.h"
#include "optim/vocabulary/ring.h"

namespace gradus {

/// The last r+1 gradients of a parameter, and the sequence's limit: with the differences U of successive gradients,
/// (U'U + reg*I) z = 1 (relative: reg*trace(U'U)), c = z/sum(z), the sum of c_i times the later end of difference i.
/// Keeps the gradients and U'U in the state (slots ring.*, numbers gram.*).
///
/// It reads much memory: `beside(part)` is called, on any thread, for each part of the tensors while it is in the caches,
/// for a loop of the caller's.
class NextGradient {
 public:
  using Beside = std::function<void(Part)>;
  NextGradient(State& s, int64 r, double reg, bool relative)
      : s_(s), r_(r), reg_(reg), relative_(relative), ring_(s, r + 1) {}

  /// Takes in g, after `beside` has been called.
  void take(const Tensor& g, const Beside& beside);
  /// Writes the guess to `to`, before `beside` is called; leaves it as it is while fewer than r+1 gradients are known.
  void guess(Tensor& to, const Beside& beside);

 private:
  double& gram(int64 a, int64 b);
  std::vector<double> weights();

  State& s_;
  int64 r_;
  double reg_;
  bool relative_;
  Ring ring_;
};

}  // namespace gradus
