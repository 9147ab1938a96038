// Deep autoencoder of fully connected layers.
//
// Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 2006; the
// standard hard test problem for optimizers (there with hidden=1000-500-250,code=30,act=sigmoid). Encoder and
// decoder mirror each other; the code and the output are linear.
#pragma once

#include "nn/layers/activation.h"
#include "nn/layers/container.h"
#include "nn/layers/linear.h"
#include "nn/model.h"

namespace gradus {

class Autoencoder : public ImageModel {
 public:
  static constexpr Task kTask = Task::kAutoencoder;
  static constexpr const char* kSource = __FILE__;
  struct Options {
    std::vector<int64> hidden = {256, 128};
    int64 code = 32;
    std::string act = "relu";
    void visit(auto&& f) {
      f("hidden", hidden, "sizes of the encoder's hidden layers; the decoder has them in reverse",
        at_least(1));
      f("code", code, "size of the code", at_least(1));
      f("act", act, "activation of the hidden layers", activation_choices());
    }
  };
  Autoencoder(const Options& options, const DataShape& data);
  Task task() const override { return kTask; }
  /// The reconstruction, in the shape of x.
  Tensor forward(const Input& x) override;
  /// x -> (N, code), and back to (N, features).
  Tensor encode(const Tensor& x) { return encoder_(x); }
  Tensor decode(const Tensor& code) { return decoder_(code); }
  std::string describe() const override { return "Autoencoder"; }

 private:
  Sequential& encoder_;
  Sequential& decoder_;
};

}  // namespace gradus
