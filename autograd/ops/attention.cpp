// Scaled dot-product attention: the fused pass never holds the (T,S) scores; the composite does.
#include "core/kernels/attention.h"

#include <cmath>
#include <limits>

#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"

namespace gradus {
namespace {

// 0 where position t may look at s <= t, minus infinity elsewhere.
Tensor causal_mask(int64 t, int64 s) {
  Tensor m = Tensor::zeros({t, s});
  real* p = m.mutable_data();
  for (int64 i = 0; i < t; ++i)
    for (int64 j = i + 1; j < s; ++j) p[i * s + j] = -std::numeric_limits<real>::infinity();
  return m;
}

Tensor attention_composite(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, real scale) {
  Tensor scores = matmul(q, k, false, true) * scale;  // (...,T,S)
  if (causal) scores = scores + causal_mask(q.dim(-2), k.dim(-2));
  return matmul(softmax(scores, -1), v);
}

struct Heads {
  bool causal;
  real scale;
  int64 heads = 0;  // self_attention only
};

const Primitive kAttention{
    .name = "attention",
    .forward =
        [](const Ctx& c) {
          const auto& a = c.attr<Heads>();
          Tensor lse;
          Tensor y = kernels::attention(c[0], c[1], c[2], a.causal, a.scale, c.recording() ? &lse : nullptr);
          if (c.recording()) c.keep(lse);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const auto& a = c.attr<Heads>();
          const auto d = kernels::attention_grad(g, c[0], c[1], c[2], c.out(), c.kept(0), a.causal, a.scale);
          return Grads{d.dq, d.dk, d.dv};
        },
    .composite =
        [](const Ctx& c) {
          return attention_composite(c[0], c[1], c[2], c.attr<Heads>().causal, c.attr<Heads>().scale);
        },
    .saves = kSaveInputs | kSaveOutput};

// (B,T,3C) -> q, k, v as (B,heads,T,D) -> attention -> (B,T,C).
Tensor self_attention_composite(const Ctx& c) {
  const auto& a = c.attr<Heads>();
  const int64 b = c[0].dim(0), t = c[0].dim(1), width = c[0].dim(2) / 3;
  const Tensor parts = permute(reshape(c[0], {b, t, 3, a.heads, width / a.heads}), {2, 0, 3, 1, 4});
  const auto part = [&](int64 i) {
    return reshape(slice(parts, 0, i, i + 1), {b, a.heads, t, width / a.heads});
  };
  const Tensor y = attention_composite(part(0), part(1), part(2), a.causal, a.scale);
  return reshape(permute(y, {0, 2, 1, 3}), {b, t, width});
}
const Primitive kSelfAttention{
    .name = "self_attention",
    .forward =
        [](const Ctx& c) {
          const auto& a = c.attr<Heads>();
          Tensor lse;
          Tensor y =
              kernels::self_attention(c[0], a.heads, a.causal, a.scale, c.recording() ? &lse : nullptr);
          if (c.recording()) c.keep(lse);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const auto& a = c.attr<Heads>();
          return Grads{kernels::self_attention_grad(g, c[0], c.out(), c.kept(0), a.heads, a.causal, a.scale)};
        },
    .composite = self_attention_composite,
    .saves = kSaveInputs | kSaveOutput};

// The fused pass wants one stack of heads for all three.
bool same_stacks(const Tensor& a, const Tensor& b) {
  bool same = a.rank() == b.rank();
  for (int i = 0; same && i < a.rank() - 2; ++i) same = a.dim(i) == b.dim(i);
  return same;
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, real scale) {
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.dim(-1) != k.dim(-1) || k.dim(-2) != v.dim(-2) ||
      (causal && q.dim(-2) != k.dim(-2)))
    fail<ShapeError>("attention: q {}, k {}, v {}{}", q.shape().str(), k.shape().str(), v.shape().str(),
                     causal ? ", causal" : "");
  if (scale == 0) scale = 1 / std::sqrt(static_cast<real>(q.dim(-1)));
  if (!same_stacks(q, k) || !same_stacks(q, v) || k.dim(-2) == 0)
    return attention_composite(q, k, v, causal, scale);
  return apply(kAttention, {q, k, v}, Attr::of(Heads{causal, scale}));
}

Tensor self_attention(const Tensor& qkv, int64 heads, bool causal, real scale) {
  if (qkv.rank() != 3 || heads < 1 || qkv.dim(2) % (3 * heads) != 0)
    fail<ShapeError>("self_attention: {} heads for qkv {}", heads, qkv.shape().str());
  if (scale == 0) scale = 1 / std::sqrt(static_cast<real>(qkv.dim(2) / (3 * heads)));
  return apply(kSelfAttention, {qkv}, Attr::of(Heads{causal, scale, heads}));
}

PrimitiveList attention_primitives() { return {&kAttention, &kSelfAttention}; }

}  // namespace gradus
