// Log-probabilities of tokens and sums over those that count: what all losses on responses are made of.
//
// S sequences of T tokens; a mask (S,T) is 1 where a token counts (of the response, not padding), else 0.
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// log softmax(logits)[target]: logits (...,V), targets (...) -> (...). Throws ShapeError, DataError for a target outside 0..V-1.
Tensor token_logp(const Tensor& logits, const IntTensor& targets);

/// The mask as numbers. Throws ShapeError for another shape than `like`'s, DataError for what is neither 0 nor 1; `where` opens
/// the messages ("dpo_loss").
Tensor token_mask(const IntTensor& mask, const Shape& like, const char* where);

enum class TokenReduction { kSum, kMean };
/// "sum" or "mean".
TokenReduction token_reduction(const std::string& word);
/// Sum over each row's tokens that count, or its mean (0 for a row without any): values (S,T), mask as numbers -> (S).
Tensor row_scores(const Tensor& values, const Tensor& mask, TokenReduction reduction);

/// (x - mean)/(deviation with n-1 + eps), without derivative; the deviation of one value is 0.
Tensor standardised(const Tensor& x, double eps);

}  // namespace gradus
