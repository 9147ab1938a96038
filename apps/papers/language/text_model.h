// What the experiments of this family train: a small transformer on lines of a few characters, pre-trained by the experiment
// itself, its losses on responses, and samples of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/papers/experiment.h"
#include "core/rng.h"
#include "nn/model.h"
#include "optim/optimizer.h"

namespace gradus {

/// Characters and their token ids. The first one is padding.
class Alphabet {
 public:
  explicit Alphabet(std::string characters) : characters_(std::move(characters)) {}
  int64 size() const { return static_cast<int64>(characters_.size()); }
  /// Throws DataError for a character that is not in it.
  int64 id(char c) const;
  std::vector<int64> encode(const std::string& text) const;
  std::string decode(std::span<const int64> ids) const;

 private:
  std::string characters_;
};

struct TextPair {
  std::string prompt, response;
};
/// B lines of T tokens, padded at the end: targets[t] follows ids[t]; the mask is 1 where the target is of the response.
struct TokenBatch {
  IntTensor ids, targets, mask;
};
TokenBatch token_batch(const Alphabet& alphabet, std::span<const TextPair> lines);
/// Lines drawn from a pool with replacement.
std::vector<TextPair> drawn(const std::vector<TextPair>& pool, int64 count, Rng& rng);

class TextModel {
 public:
  /// "gpt:block=16,dim=64,layers=2,heads=4" over the alphabet.
  TextModel(const std::string& spec, const Alphabet& alphabet, const Rng& rng);

  const Alphabet& alphabet() const { return alphabet_; }
  TokenModel& net() { return *net_; }
  Tensor logits(const IntTensor& ids) { return (*net_)(ids); }  ///< (B,T,V)
  /// Of the targets, (B,T).
  Tensor logp(const TokenBatch& batch);
  /// The same without recording.
  Tensor frozen_logp(const TokenBatch& batch);

  void save(const std::string& path);
  void load(const std::string& path);
  void copy_from(TextModel& other);

  /// Hidden states below the head, (B,T,D), with the graph where one is recorded.
  Tensor hidden(const IntTensor& ids, Tensor* logits = nullptr);
  /// Ids of texts of one length, (B,T).
  IntTensor encoded(std::span<const std::string> texts) const;

  /// `length` further characters of each prompt; prompts are of one length. Temperature 0: the likeliest.
  std::vector<std::string> sample(const std::vector<std::string>& prompts, int64 length, double temperature,
                                  Rng& rng);
  /// With a temperature for each prompt.
  std::vector<std::string> sample(const std::vector<std::string>& prompts, int64 length,
                                  const std::vector<double>& temperatures, Rng& rng);

 private:
  Alphabet alphabet_;
  std::unique_ptr<TokenModel> net_;
};

/// The text up to the first stop character, without it.
std::string until(const std::string& text, char stop);

/// An optimizer on some parameters, behind a clip of the gradient's norm at 1 unless said.
class TextTraining {
 public:
  TextTraining(const Parameters& parameters, const std::string& optim, double clip = 1);
  /// One step on the loss; returns it. Throws NumericError where it is not finite.
  double step(const std::function<Tensor()>& loss, double lr_scale = 1);
  const Parameters& parameters() const { return parameters_; }

 private:
  Parameters parameters_;
  OptimizerPtr optimizer_;
};

/// Trains on lines that next(step) gives, all their tokens or the response's: AdamW with cosine decay.
void pretrain(TextModel& model, int64 steps, double lr, const std::function<TokenBatch(int64 step)>& next);

/// Mean over the batch's tokens that count of -log p.
double mean_loss(TextModel& model, const TokenBatch& batch);

}  // namespace gradus
