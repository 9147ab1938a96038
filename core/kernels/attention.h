// Scaled dot-product attention, blocked over keys with a running softmax, so that no (T,S) tensor exists.
//
// Paper: Dao, Fu, Ermon, Rudra, Re, "FlashAttention", NeurIPS 2022, arXiv 2205.14135, Algorithms 1 and 4; the
// running softmax is Milakov and Gimelshein's, arXiv 1805.02867. Per head, with P = softmax(scale * Q K'):
//   O = P V;   dV = P' dO,  dP = dO V',  dS = P * (dP - rowsum(dO * O)),  dQ = scale dS K,  dK = scale dS' Q.
// P is computed again from Q, K and the saved row log-sums in the backward pass.
#pragma once

#include "core/tensor.h"

namespace gradus::kernels {

struct AttentionGrads {
  Tensor dq, dk, dv;
};

/// q (...,T,D), k (...,S,D), v (...,S,E) with equal leading axes -> (...,T,E). causal (T = S): position t sees
/// s <= t. `lse`, if given, receives the (heads, T) log-sums for the gradient. Throws ShapeError.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, real scale,
                 Tensor* lse = nullptr);
AttentionGrads attention_grad(const Tensor& g, const Tensor& q, const Tensor& k, const Tensor& v,
                              const Tensor& out, const Tensor& lse, bool causal, real scale);

/// Self-attention of `heads` heads straight from the output of one projection: qkv (B,T,3*C), laid out as q, k
/// and v of C = heads*D columns each, head by head -> (B,T,C). Spares the split and the four permutations.
/// `lse` receives (B*heads, T).
Tensor self_attention(const Tensor& qkv, int64 heads, bool causal, real scale, Tensor* lse = nullptr);
/// dqkv.
Tensor self_attention_grad(const Tensor& g, const Tensor& qkv, const Tensor& out, const Tensor& lse,
                           int64 heads, bool causal, real scale);

}  // namespace gradus::kernels
