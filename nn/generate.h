// Sampling text from a language model.
#pragma once

#include <functional>

#include "nn/model.h"

namespace gradus {

struct SampleOptions {
  double temperature = 1;  ///< divides the logits; 0 always takes the most likely token
  int64 top_k = 0;         ///< only the k most likely tokens; 0: all
  double top_p = 1;  ///< only the fewest most likely tokens whose probability reaches p (nucleus sampling)
  /// Only tokens at least this part as likely as the likeliest one; 0: all. Nguyen et al., ICLR 2025, arXiv 2407.01082.
  double min_p = 0;
  DecodeOptions decode;
  /// generate() asks this before every token of text i, when the model has read all before it, in place of `temperature`; empty: nothing.
  std::function<double(int64 i)> temperature_at = {};
};

/// Draws a token from logits (V). Throws UsageError for options out of range, NumericError for NaN logits.
int64 sample_token(std::span<const real> logits, const SampleOptions& options, Rng& rng);

/// Reads the prompt (at least one token), then draws `count` tokens, each handed to `emit` as soon as it is
/// drawn; emit returns false to stop. Reproducible: depends on the model, the prompt and the generator's
/// state only.
void generate(TokenModel& model, std::span<const int64> prompt, int64 count, const SampleOptions& options,
              Rng& rng, const std::function<bool(int64)>& emit);

/// As many texts after one prompt as there are generators, read together: text i draws from rngs[i] and is, token for token, the
/// one that generate() draws from it, whatever is drawn beside it. emit(i, token) for all i after each step; one false stops all.
void generate_texts(TokenModel& model, std::span<const int64> prompt, int64 count,
                    const SampleOptions& options, std::span<Rng> rngs,
                    const std::function<bool(int64, int64)>& emit);

}  // namespace gradus
