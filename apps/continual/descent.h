// An optimizer of the registry on bare tensors: for loops that compute their gradients themselves.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "optim/optimizer.h"
#include "optim/state_archive.h"

namespace gradus {

class Descent {
 public:
  /// Copies of `start`, moved by `optim` ("sgd:lr=0.1,momentum=0.9"). Of none, it waits for a loaded state.
  Descent(const std::string& optim, std::span<const Tensor> start);
  /// The tensors as variables: what a loss is to be written in.
  std::vector<Tensor> values() const;
  /// Their values in storage of their own.
  std::vector<Tensor> copies() const;
  /// One step along gradients of values(), in the same order; an undefined one leaves its tensor where it is.
  void step(std::span<const Tensor> grads, double lr_scale = 1);
  /// Values and what the optimizer remembers of them.
  void state(const StateArchive& archive);

 private:
  void start(std::span<const Tensor> values);

  std::string optim_;
  Parameters parameters_;
  OptimizerPtr optimizer_;
};

/// lr_scale of step s of `steps`: (1 + cos(pi*s/steps))/2.
double half_cosine(int64 s, int64 steps);

}  // namespace gradus
