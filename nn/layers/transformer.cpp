#include "nn/layers/transformer.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

int64 hidden_size(const BlockOptions& o) { return std::llround(o.mlp_ratio * static_cast<double>(o.dim)); }

AttentionOptions attention_options(const BlockOptions& o) {
  return {.dim = o.dim,
          .heads = o.heads,
          .causal = o.causal,
          .bias = o.bias,
          .rotary = o.rotary,
          .dropout = o.dropout,
          .qkv_name = o.names.qkv,
          .proj_name = o.names.proj};
}

}  // namespace

std::unique_ptr<Module> make_block_norm(const BlockOptions& o) {
  if (o.rms_norm) return std::make_unique<RMSNorm>(o.dim, o.eps);
  return std::make_unique<LayerNorm>(o.dim, o.eps, o.bias);
}

FeedForward::FeedForward(const BlockOptions& o)
    : fc1(add<Linear>(o.names.fc1, o.dim, hidden_size(o), o.bias)),
      fc2(add<Linear>(o.names.fc2, hidden_size(o), o.dim, o.bias)),
      act_(activation(o.act)),
      drop_(add<Dropout>("drop", o.dropout)) {}

Tensor FeedForward::forward(const Input& x) {
  const Tensor h = act_.function == &gelu ? fc1.gelu(x.values()) : act_.function(fc1(x));
  return drop_(fc2(h));
}

TransformerBlock::TransformerBlock(const BlockOptions& o)
    : norm1_(adopt(o.names.norm1, make_block_norm(o))),
      attn(add<MultiHeadAttention>("attn", attention_options(o))),
      norm2_(adopt(o.names.norm2, make_block_norm(o))),
      mlp(add<FeedForward>("mlp", o)),
      drop_(add<DropPath>("drop_path", o.drop_path)),
      post_norm_(o.post_norm) {}

Tensor TransformerBlock::run_rest(const Tensor& x, const Tensor& attended) {
  const Tensor sum = x + drop_(attended);
  if (!post_norm_) return sum + drop_(mlp(norm2_(sum)));
  const Tensor h = norm1_(sum);
  return norm2_(h + drop_(mlp(h)));
}

Tensor TransformerBlock::forward(const Input& x) {
  return run_rest(x.values(), attn(attention_input(x.values())));
}

Tensor TransformerBlock::continued(const Tensor& x, KeyValueCache& cache, int64 last) {
  return call(x, [&] {
    const Tensor attended = attn.continued(attention_input(x), cache, last);
    const int64 t = x.dim(1), kept = attended.dim(1);
    return run_rest(kept == t ? x : slice(x, 1, t - kept, t), attended);
  });
}

}  // namespace gradus
