#include "nn/layers/attention.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/kernels/attention_cached.h"
#include "nn/layers/embedding.h"

namespace gradus {
namespace {

const AttentionOptions& checked(const AttentionOptions& o) {
  if (o.heads < 1 || o.dim < 1 || o.dim % o.heads)
    fail<UsageError>("attention: {} heads do not divide dim = {}", o.heads, o.dim);
  if (o.rotary && o.dim / o.heads % 2)
    fail<UsageError>("attention: rotary embedding needs heads of even size, dim/heads = {}", o.dim / o.heads);
  return o;
}

// 0 where position t may see s <= t, -infinity elsewhere: added to scores (T,T).
Tensor causal_bias(int64 t) {
  Tensor bias = Tensor::zeros({t, t});
  real* out = bias.mutable_data();
  for (int64 i = 0; i < t; ++i)
    std::fill(out + i * t + i + 1, out + (i + 1) * t, -std::numeric_limits<real>::infinity());
  return bias;
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(const AttentionOptions& o)
    : qkv(add<Linear>(checked(o).qkv_name, o.dim, 3 * o.dim, o.bias)),
      proj(add<Linear>(o.proj_name, o.dim, o.dim, o.bias)),
      options_(o),
      drop_(add<Dropout>("drop", o.dropout)) {}

void MultiHeadAttention::check_input(const Tensor& x) const {
  if (x.rank() != 3 || x.dim(2) != options_.dim)
    fail<ShapeError>("attention: needs (B,T,{}), got {}", options_.dim, x.shape().str());
}

MultiHeadAttention::Heads MultiHeadAttention::split(const Tensor& rows, int64 offset) {
  const int64 b = rows.dim(0), t = rows.dim(1), h = options_.heads, d = options_.dim / h;
  const Tensor all = permute(reshape(rows, Shape{b, t, 3, h, d}), {2, 0, 3, 1, 4});  // (3,B,H,T,D)
  const auto part = [&](int64 i) { return reshape(slice(all, 0, i, i + 1), Shape{b, h, t, d}); };
  Heads heads{part(0), part(1), part(2)};
  if (options_.rotary) {
    heads.q = rotary(heads.q, offset);
    heads.k = rotary(heads.k, offset);
  }
  return heads;
}

Tensor MultiHeadAttention::merge(const Tensor& heads) {
  const Tensor rows = permute(heads, {0, 2, 1, 3});  // (B,T,H,D)
  return drop_(proj(reshape(rows, Shape{rows.dim(0), rows.dim(1), options_.dim})));
}

std::pair<Tensor, Tensor> MultiHeadAttention::composite(const Heads& h) {
  const real scale = 1 / std::sqrt(static_cast<real>(h.q.dim(3)));
  Tensor scores = matmul(h.q * scale, h.k, false, true);  // (B,H,T,T)
  if (options_.causal) scores = scores + causal_bias(h.q.dim(2));
  const Tensor weights = drop_(softmax(scores));
  return {matmul(weights, h.v), weights};
}

Tensor MultiHeadAttention::forward(const Input& x) {
  check_input(x.values());
  const Tensor rows = qkv(x.values());
  const bool drops = training() && options_.dropout > 0;
  if (!options_.rotary && !drops)  // heads are read where the projection left them
    return drop_(proj(self_attention(rows, options_.heads, options_.causal)));
  const Heads h = split(rows, 0);
  return merge(drops ? composite(h).first : attention(h.q, h.k, h.v, options_.causal));
}

std::pair<Tensor, Tensor> MultiHeadAttention::with_weights(const Tensor& x) {
  Tensor weights;
  Tensor y = call(x, [&] {
    check_input(x);
    auto [heads, w] = composite(split(qkv(x), 0));
    weights = w;
    return merge(heads);
  });
  return {y, weights};
}

KeyValueCache MultiHeadAttention::make_cache(int64 batch, int64 capacity) const {
  const Shape shape{batch, options_.heads, capacity, options_.dim / options_.heads};
  return {Tensor::zeros(shape), Tensor::zeros(shape), 0};
}

Tensor MultiHeadAttention::continued(const Tensor& x, KeyValueCache& cache, int64 last) {
  if (!options_.causal) fail<UsageError>("attention: only causal attention can be continued");
  return call(x, [&] {
    check_input(x);
    const int64 t = x.dim(1), end = cache.length + t;
    if (x.dim(0) != cache.k.dim(0) || end > cache.k.dim(2))
      fail<ShapeError>("attention: a cache of shape {} with {} positions used cannot take {}",
                       cache.k.shape().str(), cache.length, x.shape().str());
    Tensor rows = qkv(x);
    if (options_.rotary) {
      const Heads h = split(rows, cache.length);
      const Tensor parts[] = {h.q, h.k, h.v};
      rows = reshape(permute(stack(parts, 0), {1, 3, 0, 2, 4}), rows.shape());
    }
    const real scale = 1 / std::sqrt(static_cast<real>(options_.dim / options_.heads));
    const Tensor y =
        kernels::self_attention_cached(rows, cache.k, cache.v, cache.length, last ? last : t, scale);
    cache.length = end;
    return drop_(proj(y));
  });
}

std::string MultiHeadAttention::describe() const {
  return fmt::format("MultiHeadAttention({}, heads={}{}{})", options_.dim, options_.heads,
                     options_.causal ? ", causal" : "", options_.rotary ? ", rotary" : "");
}

int64 MultiHeadAttention::flops(const Shape& input, const Shape&) const {
  return 4 * input.numel() * input[1];  // q k' and weights v, each 2 B T T dim; children count themselves
}

}  // namespace gradus
