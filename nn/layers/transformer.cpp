#include "nn/layers/transformer.h"

#include <cmath>

#include "autograd/ops/elementwise.h"

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

template <class Attend>
Tensor TransformerBlock::run_block(const Tensor& x, Attend&& attend) {
  if (post_norm_) {
    const Tensor h = norm1_(x + drop_(attend(x)));
    return norm2_(h + drop_(mlp(h)));
  }
  const Tensor h = x + drop_(attend(norm1_(x)));
  return h + drop_(mlp(norm2_(h)));
}

Tensor TransformerBlock::forward(const Input& x) {
  return run_block(x.values(), [&](const Tensor& h) { return attn(h); });
}

Tensor TransformerBlock::continued(const Tensor& x, KeyValueCache& cache) {
  return call(x, [&] { return run_block(x, [&](const Tensor& h) { return attn.continued(h, cache); }); });
}

}  // namespace gradus
