// Multi-layer perceptron.
#pragma once

#include "nn/layers/activation.h"
#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/model.h"

namespace gradus {

/// flatten, then fc1, activation, dropout, fc2, ..., the last layer giving the logits (N, classes). With a norm: fc1, bn1,
/// activation, ...
class Mlp : public ImageModel {
 public:
  static constexpr Task kTask = Task::kClassification;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    std::vector<int64> hidden = {256, 128};
    std::string act = "relu";
    double dropout = 0;
    std::string norm = "none";
    void visit(auto&& f) {
      f("hidden", hidden, "sizes of the hidden layers; none: a linear model", at_least(1));
      f("act", act, "activation", activation_choices());
      f("dropout", dropout, "dropout after each hidden layer", decay_rate());
      f("norm", norm, "normalisation of each hidden layer: batch, group or none",
        choices({"bn", "gn", "none"}));
    }
  };
  Mlp(const Options& options, const DataShape& data);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "Mlp"; }

 private:
  const Activation& act_;
  std::vector<Linear*> layers_;
  std::vector<Norm*> norms_;  // of the hidden layers, or none
  Dropout& drop_;
};

}  // namespace gradus
