// A time-frequency grid as tokens, and the conditions of a channel as a code for each of them.
//
// Paper: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025.
#pragma once

#include <array>

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct PatchOptions {
  int64 patch_height = 3, patch_width = 2;
  void visit(auto&& f) {
    f("patch_height", patch_height, "subcarriers of a patch", at_least(1));
    f("patch_width", patch_width, "symbols of a patch", at_least(1));
  }
};
/// grid (B,S,M) -> (B,n,h*w): patches row by row over the patch grid, subcarriers outermost inside of a patch. Throws ShapeError
/// for a grid that patches do not cover.
Tensor patch_tokens(const Tensor& grid, const PatchOptions& options = {});
/// The inverse: (B,n,h*w) -> (B,S,M).
Tensor fold_tokens(const Tensor& tokens, int64 subcarriers, int64 symbols, const PatchOptions& options = {});

/// Three perceptrons 1-h1-h2-h3, one each of SNR, delay spread, Doppler: w1 (3,h1,1), b1 (3,h1), w2 (3,h2,h1), b2 (3,h2),
/// w3 (3,h3,h2), b3 (3,h3), h3 even.
struct ChannelAdapter {
  std::array<Tensor, 3> w, b;
};
/// conditions (B,3) -> (B,h3/2,6). Throws ShapeError.
Tensor adapter_tokens(const ChannelAdapter& adapter, const Tensor& conditions);

}  // namespace gradus
