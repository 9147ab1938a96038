// Multi-head self-attention.
//
// Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv 1706.03762. With q, k, v = x W' + b split
// into heads of D = dim/heads:  y = concat_h( softmax(q_h k_h' / sqrt(D)) v_h ) W_o' + b_o.
#pragma once

#include "nn/layers/dropout.h"
#include "nn/layers/linear.h"
#include "nn/module.h"

namespace gradus {

/// Keys and values of the positions seen so far, (B,H,capacity,D), for sampling one token at a time.
struct KeyValueCache {
  Tensor k, v;
  int64 length = 0;
};

struct AttentionOptions {
  int64 dim = 128, heads = 4;
  bool causal = false;
  bool bias = true;
  bool rotary = false;  ///< rotate queries and keys by their position
  double dropout = 0;   ///< on the attention weights and on the output
  const char* qkv_name = "qkv";
  const char* proj_name = "proj";
};

/// x (B,T,dim) -> (B,T,dim). One linear map makes queries, keys and values, stacked in this order (timm's
/// `qkv`, nanoGPT's `c_attn`). Throws UsageError if heads do not divide dim.
class MultiHeadAttention : public Module {
 public:
  explicit MultiHeadAttention(const AttentionOptions& options);

  Tensor forward(const Input& x) override;
  /// The output and the attention weights (B,H,T,T) it was made with.
  std::pair<Tensor, Tensor> with_weights(const Tensor& x);
  /// Continues a causal sequence: appends x's keys and values to the cache (which must have room for them)
  /// and attends over all of it: (B,T,dim) -> (B,last,dim), the last `last` positions (0: all T). Equal to forward on the whole
  /// sequence, but nothing is recorded. Throws UsageError if not causal.
  Tensor continued(const Tensor& x, KeyValueCache& cache, int64 last = 0);
  /// An empty cache with room for `capacity` positions of `batch` sequences.
  KeyValueCache make_cache(int64 batch, int64 capacity) const;

  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;
  int64 dim() const { return options_.dim; }

  Linear& qkv;
  Linear& proj;

 private:
  struct Heads {
    Tensor q, k, v;  // (B,H,T,D)
  };
  void check_input(const Tensor& x) const;
  /// Of the projection's output (B,T,3*dim); the first position is number `offset`.
  Heads split(const Tensor& rows, int64 offset);
  Tensor merge(const Tensor& heads);
  std::pair<Tensor, Tensor> composite(const Heads& h);

  AttentionOptions options_;
  Dropout& drop_;
};

}  // namespace gradus
