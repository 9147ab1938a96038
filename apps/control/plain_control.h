// A controller without bounds, a perceptron: what the one of shared_control.h is compared with.
//   u = clamp(mlp(features), -1, 1);  J as in shared_control.h, by mlp(features) unclamped
#pragma once

#include <memory>
#include <vector>

#include "core/rng.h"

namespace gradus {

struct PlainControlOptions {
  double gamma = 0.5;  ///< weight of the expert
  double lr = 1e-3;    ///< of Adam
};
class PlainControlTraining {
 public:
  /// features (B,n), u_h and u_e (B,m); tanh units in layers of these sizes. Throws ShapeError.
  PlainControlTraining(const Tensor& features, const Tensor& u_h, const Tensor& u_e,
                       const std::vector<int64>& hidden, const PlainControlOptions& options, const Rng& rng);
  ~PlainControlTraining();
  /// One step on all the data; returns J before it.
  double step();
  /// The commands for other features (b,n) -> (b,m).
  Tensor commands(const Tensor& features) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gradus
