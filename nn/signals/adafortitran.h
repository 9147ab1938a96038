// A radio channel's whole grid out of noisy values at its pilots: local by convolutions, global by a transformer over patches.
//
// Paper: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025.
//   U = up(pilots) as (S,M);  C = conv1(U);  tokens = patches of C, with the adapter's 6 numbers of each
//   x = in(tokens) + positions;  each layer: x = LN1(x + attention(x)), x = LN2(x + ff2(gelu(ff1 x)))
//   R = out(x), folded;  result = conv2(C + R)
// Real and imaginary parts go through the same network one by one. Without the adapter it is FortiTran.
#pragma once

#include <vector>

#include "nn/signals/channel_tokens.h"

namespace gradus {

struct FortitranOptions : PatchOptions {
  int64 num_heads = 2;
  bool use_adapter = true;
  void visit(auto&& f) {
    PatchOptions::visit(f);
    f("num_heads", num_heads, "of the attention", at_least(1));
    f("use_adapter", use_adapter, "conditions join the tokens");
  }
};
/// One post-norm encoder layer; attn_in_w stacks q, k and v (3d,d).
struct EncoderWeights {
  Tensor attn_in_w, attn_in_b, attn_out_w, attn_out_b, ln1_w, ln1_b, ln2_w, ln2_b, ff1_w, ff1_b, ff2_w, ff2_b;
};
struct FortitranWeights {
  Tensor up_w, up_b;                                       ///< (S*M, ps*pm), (S*M)
  std::vector<Tensor> conv1_w, conv1_b, conv2_w, conv2_b;  ///< four 3x3 kernels each, from 1 to 1 channels
  ChannelAdapter adapter;
  Tensor in_w, in_b, positions;  ///< (d,t), (d), (n,d)
  std::vector<EncoderWeights> layers;
  Tensor out_w, out_b;  ///< (h*w,d), (h*w)
};
/// One real part: pilots (B,ps,pm) -> (B,S,M). conditions (B,3), undefined without an adapter. Throws ShapeError.
Tensor fortitran(const FortitranWeights& weights, const Tensor& pilots, const Tensor& conditions,
                 int64 subcarriers, int64 symbols, const FortitranOptions& options);

/// Four 3x3 convolutions of padding 1, rectified but for the last; grid (B,S,M) -> (B,S,M).
Tensor conv_enhancer(const std::vector<Tensor>& w, const std::vector<Tensor>& b, const Tensor& grid);

}  // namespace gradus
