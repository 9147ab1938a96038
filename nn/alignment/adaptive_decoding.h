// A head that chooses the temperature a language model is sampled at, trained on which choices were followed by better responses.
//
// Paper: Dhuliawala, Kulikov, Yu, Celikyilmaz, Weston, Sukhbaatar, Lanchantin, "Adaptive Decoding via Latent Preference
//        Optimization", 2024, arXiv 2411.09661.
//   pi(k | h) = softmax(AD(h))_k   which of K temperatures, from the model's last hidden state h; per response or per token
//   LPO    S = sum (or mean) over tokens of log pi(tau_t | h_t);  loss = -log sigmoid(beta*(S(c) - S_ref(c) - S(r) + S_ref(r)))
//   LPO, marginal: the same with S = sum over tokens of log sum_k pi(k | h_t)*softmax(logits_t/tau_k)[y_t]
// The language model stays as it is. Departure: the output layer starts at 0, where all temperatures are alike.
#pragma once

#include "core/options.h"
#include "nn/alignment/preference_losses.h"
#include "nn/layers/linear.h"

namespace gradus {

/// softmax(logits/temperature) of each row, (B,V); temperature 0: 1 at the first of the largest. temperature (B), at least 0.
/// Throws ShapeError, DataError for others.
Tensor tempered_probs(const Tensor& logits, const Tensor& temperature);
/// The token of each row that u (B) in [0,1) falls on: the number of partial sums of its probabilities that are <= u.
IntTensor inverse_sample(const Tensor& probs, const Tensor& u);

/// Which samples of a prompt are compared: the first of the best and the first of the worst.
struct RankedPair {
  int64 chosen = 0, rejected = 0;
  bool valid = false;  ///< their rewards differ
};
/// rewards (M,N) of N samples of each of M prompts. Throws ShapeError, and DataError for NaN.
std::vector<RankedPair> lpo_pairs(const Tensor& rewards);

/// Of P responses of T tokens: logits over K temperatures by the head and by its frozen reference.
struct LatentChoices {
  Tensor latent_logits, ref_latent_logits;  ///< (P,T,K)
  IntTensor mask;                           ///< (P,T)
};
struct LpoOptions {
  double beta = 0.1;
  std::string reduction = "sum";
  void visit(auto&& f) {
    f("beta", beta, "how strongly the reference holds", positive());
    f("reduction", reduction, "of the tokens of a response", choices({"sum", "mean"}));
  }
};
/// choice (P,T): the temperatures that the responses were sampled at. Throws ShapeError, DataError for a choice outside 0..K-1.
PreferenceLoss lpo_loss(const LatentChoices& chosen, const IntTensor& chosen_choice,
                        const LatentChoices& rejected, const IntTensor& rejected_choice,
                        const LpoOptions& options = {});

struct MarginalOptions : LpoOptions {
  double min_temperature = 0.02;
  void visit(auto&& f) {
    LpoOptions::visit(f);
    f("min_temperature", min_temperature, "smaller temperatures are replaced by this", positive());
  }
};
/// Log-probabilities (P,T) of tokens with the temperature summed out. latent_logits (P,T,K), token_logits (P,T,V), tokens (P,T),
/// temperatures (K). Differentiable in the latent logits.
Tensor marginal_logp(const Tensor& latent_logits, const Tensor& token_logits, const IntTensor& tokens,
                     const Tensor& temperatures, double min_temperature = 0.02);
struct SampledTokens {
  Tensor token_logits;  ///< (P,T,V)
  IntTensor tokens;     ///< (P,T)
};
PreferenceLoss lpo_marginal_loss(const LatentChoices& chosen, const SampledTokens& chosen_tokens,
                                 const LatentChoices& rejected, const SampledTokens& rejected_tokens,
                                 const Tensor& temperatures, const MarginalOptions& options = {});

/// h (...,dim) -> logits over `choices` temperatures: three linear layers with SiLU between.
class DecodingHead : public Module {
 public:
  DecodingHead(int64 dim, int64 hidden, int64 choices);
  Tensor forward(const Input& h) override;
  std::string describe() const override { return "DecodingHead"; }

 private:
  Linear &fc1_, &fc2_, &out_;
};

}  // namespace gradus
