// Scaled dot-product attention.
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

struct Attention {
  bool causal;
  real scale;
};
// Blocked over keys: no (T,S) tensor exists, forward or backward.
const Primitive kAttention{.name = "attention",
                           .forward =
                               [](const Ctx& c) {
                                 const auto& a = c.attr<Attention>();
                                 Tensor lse;
                                 Tensor y = kernels::attention(c[0], c[1], c[2], a.causal, a.scale, &lse);
                                 c.keep(std::move(lse));
                                 return y;
                               },
                           .vjp =
                               [](const Ctx& c, const Tensor& g) {
                                 const auto& a = c.attr<Attention>();
                                 auto d = kernels::attention_grad(g, c[0], c[1], c[2], c.out(), c.kept(0),
                                                                  a.causal, a.scale);
                                 return Grads{d.dq, d.dk, d.dv};
                               },
                           .composite =
                               [](const Ctx& c) {
                                 const auto& a = c.attr<Attention>();
                                 return attention_composite(c[0], c[1], c[2], a.causal, a.scale);
                               },
                           .saves = kSaveInputs | kSaveOutput};

bool equal_leading(const Tensor& q, const Tensor& k) {
  bool equal = q.rank() == k.rank();
  for (int axis = 0; equal && axis < q.rank() - 2; ++axis) equal = q.dim(axis) == k.dim(axis);
  return equal;
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, real scale) {
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.dim(-1) != k.dim(-1) || k.dim(-2) != v.dim(-2) ||
      (causal && q.dim(-2) != k.dim(-2)))
    fail<ShapeError>("attention: q {}, k {}, v {}{}", q.shape().str(), k.shape().str(), v.shape().str(),
                     causal ? ", causal" : "");
  if (scale == 0) scale = 1 / std::sqrt(static_cast<real>(q.dim(-1)));
  if (equal_leading(q, k) && equal_leading(q, v) && k.dim(-2) > 0)
    return apply(kAttention, {q, k, v}, Attr::of(Attention{causal, scale}));
  return attention_composite(q, k, v, causal, scale);
}

PrimitiveList attention_primitives() { return {&kAttention}; }

}  // namespace gradus
