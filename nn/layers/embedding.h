// Token and position embeddings.
#pragma once

#include "nn/module.h"

namespace gradus {

/// Rows of a table: ids (...) -> (..., dim). `weight` (count, dim), N(0, 1) as torch's Embedding.
class Embedding : public Module {
 public:
  Embedding(int64 count, int64 dim);
  Tensor forward(const Input& ids) override;
  std::string describe() const override;

  ParamSlot weight;
};

/// The fixed table of Vaswani et al., NeurIPS 2017, arXiv 1706.03762, section 3.5: for position p and pair i,
///   table[p, 2i] = sin(p / base^(2i/dim)),  table[p, 2i+1] = cos(p / base^(2i/dim)).
/// (count, dim); dim even, else UsageError.
Tensor sinusoidal_positions(int64 count, int64 dim, double base = 10000);

/// The same features of real-valued positions (N) -> (N, dim), sines first, then cosines: the time embedding
/// of diffusion models. `scale` multiplies the positions.
Tensor sinusoidal_features(const Tensor& positions, int64 dim, double scale = 1000, double base = 10000);

/// Rotary position embedding. Su et al., 2021, arXiv 2104.09864; pairs (i, i + D/2) are rotated (the layout
/// of GPT-NeoX) by the angle (offset + t) / base^(2i/D). x (...,T,D), D even, else UsageError.
Tensor rotary(const Tensor& x, int64 offset = 0, double base = 10000);

}  // namespace gradus
