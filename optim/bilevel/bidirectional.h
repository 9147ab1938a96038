// Bidirectional learning on frozen features: a design that the data predict to be good, and that predicts the data.
//
// Paper: Chen, Zhang, Liu, Coates, "Bidirectional Learning for Offline Model-based Biological Sequence Design", ICML 2023,
// arXiv 2301.02931.
//   features Z (N,D) and labels y (N) of the data, z (D) of the design, y_h the score that is asked of it
//   K = Z Z',  c = (K + ridge*trace(K)/N * I)^-1 y
//   L_f = (z Z' c - y_h)^2;   k = z'z, c_h = y_h/(k*(1 + ridge)),  L_b = mean_n (Z z c_h - y)^2
//   e = <g_aux, lr*(g_f - g_b)>,  gamma <- clip(gamma - Adam step of size lr on e, 0, 1)
//   G = gamma*g_f + (1 - gamma)*g_b,  D the Adam direction of G;  logits <- logits - step*D
//   step = lr, or with adaptive_eta from the second on clip(0.1 - 0.01*<g_aux, D>, 1e-4, 0.5)
// g_aux is the gradient of an auxiliary model of the score; e is minus the slope of that model, behind the step, in gamma.
// Everything about the kernel is computed in double: in float its ridge is lost.
#pragma once

#include <functional>
#include <vector>

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

class BidirectionalKernel {
 public:
  /// Throws ShapeError, NumericError where all features are zero.
  BidirectionalKernel(const Tensor& features, const Tensor& labels, double ridge, double target);
  /// z'Z'c of one element, differentiable.
  Tensor forward_prediction(const Tensor& z) const;
  Tensor forward_loss(const Tensor& z) const;
  /// Z z c_h (N), differentiable, through c_h too.
  Tensor backward_predictions(const Tensor& z) const;
  Tensor backward_loss(const Tensor& z) const;

 private:
  Tensor features_, labels_, weight_;  // weight = Z'c (D)
  double ridge_, target_;
};

struct BidirectionalOptions {
  double lr = 0.1, gamma_init = 0.5;
  bool adaptive_gamma = true, adaptive_eta = false;
  void visit(auto&& f) {
    f("lr", lr, "step size of logits and gamma", positive());
    f("gamma_init", gamma_init, "first weight of the forward loss", between(0, 1));
    f("adaptive_gamma", adaptive_gamma, "gamma by the auxiliary model");
    f("adaptive_eta", adaptive_eta, "the step size by the auxiliary model");
  }
};

/// Moments of logits and gamma, carried from step to step.
class BidirectionalStep {
 public:
  explicit BidirectionalStep(const BidirectionalOptions& options) : o_(options), gamma_(options.gamma_init) {}
  struct Taken {
    double gamma, step_size;
  };
  /// Moves the logits in place. All four have one shape, the same in every step, else ShapeError.
  Taken step(Tensor& logits, const Tensor& g_aux, const Tensor& g_forward, const Tensor& g_backward);

 private:
  BidirectionalOptions o_;
  double gamma_, gamma_m_ = 0, gamma_v_ = 0;
  std::vector<double> m_, v_;
  std::int64_t t_ = 0;
};

/// A search from given logits.
struct DesignProblem {
  std::function<Tensor(const Tensor& tokens)> features;  ///< Phi: tokens (L-k+1, A^k) -> (D)
  std::function<Tensor(const Tensor& z)> auxiliary;      ///< the auxiliary prediction, one element
  const BidirectionalKernel* kernel = nullptr;
  int64 kmer = 1;
};
struct DesignSearch {
  Tensor logits;
  IntTensor design;                                                   ///< (L): argmax of the logits
  std::vector<double> gamma, step_size, forward_loss, backward_loss;  ///< losses before each step
};
DesignSearch search_design(const DesignProblem& problem, const Tensor& logits, int64 steps,
                           const BidirectionalOptions& options);

/// (y - mean)/(std + 1e-9), std with N - 1. Throws ShapeError for fewer than two.
struct StandardScores {
  Tensor labels;
  double mean = 0, std = 0;
  explicit StandardScores(const Tensor& scores);
};

}  // namespace gradus
