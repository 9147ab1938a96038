// The other side of a minimax game over problems: weighted instances that move to where a policy loses most.
//
// Paper: Zhang, Jain, Jamieson, arXiv 2010.15382 (apps/active/exploration.h).
//   p = softmax(w);  e = loss - offset;  dw = p*(e - sum p e)
//   w, theta: Adam ascent;  then every theta with C(theta) > r is multiplied by sqrt(C/r), which puts it on C = r
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/options.h"

namespace gradus {

struct AdversaryOptions {
  double weight_lr = 0.01, theta_lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  void visit(auto&& f) {
    f("weight_lr", weight_lr, "step size of the weights", positive());
    f("theta_lr", theta_lr, "step size of the instances", positive());
    f("beta1", beta1, "Adam: decay of the mean", decay_rate());
    f("beta2", beta2, "Adam: decay of the square", decay_rate());
    f("eps", eps, "Adam: added to the root", at_least(0));
  }
};

class Adversary {
 public:
  /// thetas (N*d) row by row, weights (N).
  Adversary(std::vector<double> weights, std::vector<double> thetas, const AdversaryOptions& options);

  std::vector<double> probabilities() const;
  /// dw of losses and offsets (N).
  std::vector<double> weight_gradient(std::span<const double> losses, std::span<const double> offsets) const;
  /// One step up; theta_gradients (N*d).
  void ascend(std::span<const double> losses, std::span<const double> offsets,
              std::span<const double> theta_gradients);
  /// Puts every theta_j with complexity(j, theta_j) > radius_j back onto it; Adam's moments stay.
  using ComplexityOf = std::function<double(size_t j, std::span<const double> theta)>;
  void enforce(const ComplexityOf& complexity, std::span<const double> radius);
  /// Another instance at j, with moments of its own from 0.
  void replace(size_t j, std::span<const double> theta);

  size_t size() const { return weights_.x.size(); }
  std::span<const double> theta(size_t j) const { return std::span(thetas_.x).subspan(j * d_, d_); }
  const std::vector<double>& weights() const { return weights_.x; }
  const std::vector<double>& thetas() const { return thetas_.x; }

 private:
  struct Ascent {  // Adam, coordinate by coordinate
    std::vector<double> x, m, v;
    void step(std::span<const double> g, double lr, int64 t, const AdversaryOptions& o);
  };
  AdversaryOptions options_;
  size_t d_;
  int64 steps_ = 0;
  Ascent weights_, thetas_;
};

}  // namespace gradus
