// How much the loss of a batch rises around the weights, in the mean and at worst.
//
// Paper: Andriushchenko, Croce, Mueller, Hein, Flammarion, "A Modern Look at the Relationship between Sharpness and
//        Generalization", ICML 2023, arXiv 2302.07011 (reference code: tml-epfl/sharpness-vs-generalization).
//   all parameters one vector w;  c = |w| if adaptive, else 1, element by element
//   average     mean over draws e of loss(w + rho*c*e) - loss(w);  e normal (l2) or uniform on -1..1 (linf)
//   worst case  max over ||delta/c||_p <= rho of loss(w + delta) - loss(w), p = 2 or inf, by APGD from delta = 0:
//     linf  z = clip(delta + step*c*sign(grad), +-rho*c)
//     l2    z = delta + step*c*grad/(||grad|| + 1e-12), scaled to norm rho if longer; adaptive: projected on ||z/c|| <= rho
//     delta <- 0.75*z + 0.25*(the delta before the last one);  step starts at 2*rho
//     at checkpoints step is halved if fewer than 3 of 4 iterations found a new best loss, or nothing changed
// As in the code, "going back to the best point" at a checkpoint moves the weights of the next gradient alone, not delta.
// Departure: the ellipsoid's multiplier is solved for exactly; weights of 0 stay where they are in the adaptive forms.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/functional/functional.h"
#include "core/options.h"

namespace gradus {

/// The loss of a batch, recorded from the weights, and the share of it that is wrong (NaN where nothing can be).
struct BatchScore {
  Tensor loss;
  double error = 0;
};
using BatchFunction = std::function<BatchScore(std::span<const Tensor> w)>;
/// Mean cross-entropy of logits (m,C) with labels (m); the logits normalised before, where asked for.
BatchFunction classifier_batch(Function logits, IntTensor labels, bool normalized = false);

/// Perturbed - unperturbed.
struct ScoreChange {
  double loss = 0, error = 0;
};

/// `draw` gives one e, (P), at each call. Throws UsageError for draws < 1 or rho < 0, ShapeError for an e of another length.
ScoreChange average_sharpness(const BatchFunction& batch, std::span<const Tensor> w,
                              const std::function<Tensor()>& draw, int64 draws, double rho, bool adaptive);

struct WorstCaseOptions {
  double rho = 0.05;
  std::string norm = "linf";
  bool adaptive = false;
  int64 n_iters = 20;
  void visit(auto&& f) {
    f("rho", rho, "radius", at_least(0));
    f("norm", norm, "of the perturbation", choices({"linf", "l2"}));
    f("adaptive", adaptive, "radius relative to each weight");
    f("n_iters", n_iters, "steps of ascent", at_least(1));
  }
};
struct WorstCase {
  ScoreChange change;                      ///< at the best delta; the loss never falls
  std::vector<double> losses, step_sizes;  ///< behind each iteration; the step behind its checkpoint
  std::vector<double> best_delta;          ///< (P)
};
WorstCase worst_case_sharpness(const BatchFunction& batch, std::span<const Tensor> w,
                               const WorstCaseOptions& options);
/// ceil(p_j*n), j = 1, 2, ..., with p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06), while below n and growing.
std::vector<int64> apgd_checkpoints(int64 n);

}  // namespace gradus
