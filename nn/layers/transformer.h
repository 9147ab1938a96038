// Transformer blocks.
#pragma once

#include "nn/layers/activation.h"
#include "nn/layers/attention.h"
#include "nn/layers/norm.h"

namespace gradus {

/// How the parts of a block are called. Attention is always "attn", the perceptron "mlp".
struct BlockNames {
  const char *norm1, *qkv, *proj, *norm2, *fc1, *fc2;
};
inline constexpr BlockNames kTimmNames{"norm1", "qkv", "proj", "norm2", "fc1", "fc2"};
inline constexpr BlockNames kNanoGptNames{"ln_1", "c_attn", "c_proj", "ln_2", "c_fc", "c_proj"};

struct BlockOptions {
  int64 dim = 128, heads = 4;
  double mlp_ratio = 4;
  bool causal = false, rotary = false;
  bool post_norm = false;  ///< normalise behind the residual sum (2017) instead of before the branch
  bool rms_norm = false;   ///< RMSNorm instead of LayerNorm
  bool bias = true;
  double eps = 1e-5, dropout = 0, drop_path = 0;
  std::string act = "gelu";
  BlockNames names = kTimmNames;
};

/// fc2(act(fc1(x))) with dropout behind.
class FeedForward : public Module {
 public:
  explicit FeedForward(const BlockOptions& options);
  Tensor forward(const Input& x) override;
  std::string describe() const override { return "FeedForward"; }

  Linear& fc1;
  Linear& fc2;

 private:
  const Activation& act_;
  Dropout& drop_;
};

/// pre-norm:  x = x + attn(norm1(x));  x = x + mlp(norm2(x))
/// post-norm: x = norm1(x + attn(x));  x = norm2(x + mlp(x))
class TransformerBlock : public Module {
 public:
  explicit TransformerBlock(const BlockOptions& options);
  Tensor forward(const Input& x) override;
  /// Continues a causal sequence, see MultiHeadAttention::continued: (B,T,dim) -> (B,last,dim).
  Tensor continued(const Tensor& x, KeyValueCache& cache, int64 last = 0);
  std::string describe() const override { return "TransformerBlock"; }

 private:
  Module& norm1_;

 public:
  MultiHeadAttention& attn;

 private:
  Module& norm2_;

 public:
  FeedForward& mlp;

 private:
  /// Behind attention: x and what it gave for the same positions.
  Tensor run_rest(const Tensor& x, const Tensor& attended);
  Tensor attention_input(const Tensor& x) { return post_norm_ ? x : norm1_(x); }

  DropPath& drop_;
  bool post_norm_;
};

/// LayerNorm or RMSNorm as the options say.
std::unique_ptr<Module> make_block_norm(const BlockOptions& options);

}  // namespace gradus
