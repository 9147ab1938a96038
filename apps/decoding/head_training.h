// Latent preference optimisation of a decoding head: rounds of samples, pairs of the best and the worst, steps on the preference loss.
//
// Paper: Dhuliawala et al., "Adaptive Decoding via Latent Preference Optimization", 2024, arXiv 2411.09661; losses in
// nn/alignment/adaptive_decoding.h.
//   round: of each prompt N responses, temperatures drawn from the head (with `explore` from all alike); the first of the best and the
//          first of the worst are a pair; AdamW on LPO against the head as it was before the round
// Departure: the optimizer is new every round, so that a round is a function of the head, the seed and its number alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/decoding/decoding_head.h"
#include "core/rng.h"

namespace gradus {

struct HeadPrompt {
  std::vector<int64> tokens;
  int64 stop = -1;  ///< the token that ends a response; -1: none does
};
struct HeadTrainingOptions : LpoOptions {
  int64 samples = 8, length = 40, steps = 60;
  double lr = 3e-3, explore = 0.2;
  void visit(auto&& f) {
    f("samples", samples, "responses to each prompt a round", at_least(2));
    f("length", length, "tokens of a response", at_least(1));
    f("steps", steps, "optimizer steps a round", at_least(0));
    f("lr", lr, "step size", positive());
    f("explore", explore, "part of the temperatures drawn from all alike", between(0, 1));
    LpoOptions::visit(f);
  }
};

/// One response: its tokens, up to and with the stop token; the loss a token of the model itself (at temperature 1).
struct HeadSample {
  std::vector<int64> tokens, choices;  ///< choices: of each token, or (sequence level) the one
  std::vector<Tensor> hidden;          ///< (D) each, what the choices were made from
  double loss = 0;
};
/// `count` responses, temperatures drawn from the head. Depends on the model, the head, the prompt and rng alone.
std::vector<HeadSample> head_samples(TokenModel& model, const TemperatureHead& head, const HeadPrompt& prompt,
                                     int64 count, int64 length, double explore, Rng rng);

struct HeadRound {
  double reward = 0, temperature = 0;  ///< means over all responses
  int64 pairs = 0;                     ///< prompts whose responses differ in reward
  double loss = 0;                     ///< after the last step; 0 without pairs
};
/// reward(prompt, response). `each` is told of every prompt that was sampled; what it throws ends the round, the head as it was.
/// Throws NumericError where a reward or the loss is not finite.
HeadRound train_head_round(TokenModel& model, TemperatureHead& head, const std::vector<HeadPrompt>& prompts,
                           const std::function<double(size_t prompt, const HeadSample& response)>& reward,
                           const HeadTrainingOptions& options, const Rng& rng,
                           const std::function<void(int64 done)>& each = {});

/// A head whose temperatures are all alike at first. `hidden`: units of its layers; 0: twice the width.
TemperatureHead fresh_head(TokenModel& model, const std::vector<double>& temperatures,
                           const std::string& level, int64 hidden, const Rng& rng);

}  // namespace gradus
