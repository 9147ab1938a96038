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
  kDenoising,       ///< the noise in an image, same shape: mean squared error, see nn/task_loss.h
};
/// "classification", "language-model", "autoencoder", "regression", "denoising".
const char* task_name(Task task);

class Model : public Module {
 public:
  virtual Task task() const = 0;
  /// An input of n samples with the shape the model was built for, zeros (layer tables, checks).
  virtual Input example(int64 n) const = 0;
  /// Fits what depends on the data and is not trained (whitening filters) to training inputs. Called once,
  /// before the first step of a new run; most models have nothing to fit.
  virtual void prepare(const Input& inputs) { static_cast<void>(inputs); }

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

/// Reads text from left to right on behalf of a language model, remembering what it has read.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Reads T >= 1 further tokens of each sequence (N,T); returns the logits (N, vocabulary) of what comes
  /// next.
  virtual Tensor feed(const IntTensor& ids) = 0;
};

struct DecodeOptions {
  bool cache = true;  ///< remember intermediate results; without, everything is computed again (same logits)
  /// How many of the oldest tokens a model of limited context forgets when its context is full; 0: half of
  /// it. 1 always looks at as many tokens as it can, at the price of reading them all again for each one.
  int64 forget = 0;
};

/// A model on token ids.
class TokenModel : public Model {
 public:
  /// `block` is the length of the example. Throws UsageError, opened by `where`, if the data have no
  /// vocabulary.
  TokenModel(const DataShape& data, int64 block, const char* where);
  Task task() const override { return Task::kLanguageModel; }
  /// A reader of `batch` sequences, in evaluation mode. It must not outlive the model.
  virtual std::unique_ptr<Decoder> decoder(int64 batch, const DecodeOptions& options = {}) = 0;
  int64 vocabulary() const { return vocabulary_; }
  int64 block() const { return block_; }
  Input example(int64 n) const override { return IntTensor::full({n, block_}, 0); }

 protected:
  int64 vocabulary_, block_;
};

}  // namespace gradus
