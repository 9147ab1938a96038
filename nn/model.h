// Model: a module that the registry builds and that says what it is trained for.
#pragma once

#include "core/data_shape.h"
#include "core/options.h"
#include "nn/module.h"

namespace gradus {

/// What a model's output means, and so which loss trains it.
enum class Task {
  kClassification,  ///< logits (N, classes): cross-entropy with labels (N)
  kLanguageModel,   ///< logits (N, T, vocabulary) for the next token: cross-entropy with ids (N, T)
  kAutoencoder,     ///< a reconstruction of the input, same shape: mean squared error with it
  kRegression,      ///< numbers (N, outputs): mean squared error with targets of that shape
  kDenoising,       ///< the noise in an image, same shape: mean squared error, see nn/losses/denoising.h
};
/// "classification", "language-model", "autoencoder", "regression", "denoising".
const char* task_name(Task task);

class Model : public Module {
 public:
  virtual Task task() const = 0;
  /// An input of n samples with the shape the model was built for, zeros (layer tables, checks).
  virtual Input example(int64 n) const = 0;

  /// The text that builds this model again, all options written out: "mlp:hidden=256-128,act=relu,dropout=0".
  const std::string& spec() const { return spec_; }
  const DataShape& data() const { return data_; }
  void set_origin(std::string spec, const DataShape& data) { spec_ = std::move(spec), data_ = data; }

 private:
  std::string spec_;
  DataShape data_;
};

/// A model on images or rows of numbers.
class ImageModel : public Model {
 public:
  /// Throws UsageError, opened by `where`, if the data are not numbers or (with needs_target) neither
  /// labelled nor paired with real targets.
  ImageModel(const DataShape& data, const char* where, bool needs_target = true);
  /// Classification of labelled data, else regression.
  Task task() const override { return image_.classes ? Task::kClassification : Task::kRegression; }
  Input example(int64 n) const override {
    return Tensor::zeros({n, image_.channels, image_.height, image_.width});
  }

 protected:
  /// Length of the output vector: a logit a class, or a number a target.
  int64 outputs() const { return image_.classes ? image_.classes : image_.targets; }
  DataShape image_;
};

/// A model on token ids.
class TokenModel : public Model {
 public:
  /// `block` is the length of the example. Throws UsageError, opened by `where`, if the data have no
  /// vocabulary.
  TokenModel(const DataShape& data, int64 block, const char* where);
  Task task() const override { return Task::kLanguageModel; }
  Input example(int64 n) const override { return IntTensor::full({n, block_}, 0); }

 protected:
  int64 vocabulary_, block_;
};

}  // namespace gradus
