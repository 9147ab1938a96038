// A perceptron of encoded coordinates, trained by Adam on all samples at once.
//
// Paper: Hertz, Perel, Giryes, Sorkine-Hornung, Cohen-Or, "SAPE: Spatially-Adaptive Progressive Encoding for Neural Optimization",
//        NeurIPS 2021, arXiv 2104.09125.
//   out = mlp(e(x)*m(x)), relu between its layers;  loss: mean over samples of the mean over outputs of (out - y)^2
//   each iteration: m(x) from the mask, a step, losses of before the step into the cells; every period an update of the mask
#pragma once

#include <memory>
#include <vector>

#include "core/options.h"
#include "nn/fields/sape_mask.h"

namespace gradus {

struct FieldOptions {
  int64 res = 4, num_iterations = 20;
  double epsilon = 1e-3, lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  /// channels: sape (by the mask), all (from the start), identity (the coordinates alone).
  std::string channels = "sape";
  void visit_training(auto&& f) {
    f("res", res, "cells along an axis", between(3, 1000));
    f("epsilon", epsilon, "a cell whose loss is not above this gets no more channels");
    f("num_iterations", num_iterations, "iterations that the schedule is made for", at_least(1));
    f("lr", lr, "step size of Adam", positive());
    f("beta1", beta1, "of Adam", decay_rate());
    f("beta2", beta2, "of Adam", decay_rate());
    f("eps", eps, "of Adam", positive());
  }
};
/// w1 (H,D), b1 (H), ..., wn (o,H), bn (o) as dense_network takes them, D = d + 2F.
using FieldNet = std::vector<Tensor>;

class FieldTraining {
 public:
  /// x (N,d) in [-1,1], y (N,o), frequencies (d,F). Throws ShapeError, UsageError.
  FieldTraining(const Tensor& x, const Tensor& y, const Tensor& frequencies, const FieldNet& start,
                const FieldOptions& options);
  ~FieldTraining();
  /// One iteration; returns the loss before its step.
  double step();
  /// The field at other points (n,d) -> (n,o).
  Tensor at(const Tensor& points) const;
  const SapeMask& mask() const;
  FieldNet net() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gradus
