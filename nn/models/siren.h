// Coordinate network: numbers in, numbers out, with periodic activations.
//
// Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020,
// arXiv 2006.09661:
//   h_1 = sin(omega_first (W_1 x + b_1)),  h_l = sin(omega (W_l h + b_l)),  y = W h + b
//   W_1 ~ U(-1/in, 1/in),  later W ~ U(-sqrt(6/in)/omega, sqrt(6/in)/omega);  inputs in [-1, 1].
// With another activation it is the common coordinate MLP (torch's first values); `frequencies` = L replaces
// each input x by x and sin(2^k pi x), cos(2^k pi x) for k < L (Mildenhall et al., NeRF, ECCV 2020, arXiv
// 2003.08934).
#pragma once

#include "nn/layers/activation.h"
#include "nn/layers/container.h"
#include "nn/layers/linear.h"
#include "nn/model.h"

namespace gradus {

/// x (N, inputs) -> (N, targets).
class Siren : public ImageModel {
 public:
  static constexpr Task kTask = Task::kRegression;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    int64 hidden = 256, layers = 3, frequencies = 0;
    double omega_first = 30, omega = 30;
    std::string act = "sin";
    void visit(auto&& f) {
      f("hidden", hidden, "units of each hidden layer", at_least(1));
      f("layers", layers, "hidden layers", at_least(1));
      f("omega_first", omega_first, "frequency of the first layer (sin only)", positive());
      f("omega", omega, "frequency of the other hidden layers (sin only)", positive());
      f("act", act, "activation", activation_choices());
      f("frequencies", frequencies, "octaves of sine and cosine features of the inputs", between(0, 30));
    }
  };
  Siren(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "Siren"; }

 private:
  Options options_;
  const Activation& act_;
  bool periodic_;
  ModuleList<Linear>& net_;
  Linear& head_;
};

}  // namespace gradus
