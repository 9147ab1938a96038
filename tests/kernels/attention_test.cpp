#include "core/kernels/attention.h"

#include <algorithm>

#include "core/error.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

struct Result {
  Doubles out, dq, dk, dv;
};

// Everything in double with the whole (T,S) matrix.
Result plain(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& g, bool causal, double scale) {
  const auto heads = size_t(q.dim(0)), t = size_t(q.dim(1)), s = size_t(k.dim(1)), d = size_t(q.dim(2)),
             e = size_t(v.dim(2));
  Result r{Doubles(heads * t * e), Doubles(heads * t * d), Doubles(heads * s * d), Doubles(heads * s * e)};
  for (size_t h = 0; h < heads; ++h)
    for (size_t i = 0; i < t; ++i) {
      const size_t keys = causal ? i + 1 : s;
      const real *qi = q.data() + (h * t + i) * d, *gi = g.data() + (h * t + i) * e;
      Doubles p(keys), dp(keys);
      double most = -INFINITY, sum = 0, dot = 0;
      for (size_t j = 0; j < keys; ++j) {
        for (size_t c = 0; c < d; ++c) p[j] += scale * double(qi[c]) * k.data()[(h * s + j) * d + c];
        most = std::max(most, p[j]);
      }
      for (double& x : p) sum += x = std::exp(x - most);
      for (size_t j = 0; j < keys; ++j) {
        p[j] /= sum;
        for (size_t c = 0; c < e; ++c) {
          const double value = v.data()[(h * s + j) * e + c];
          r.out[(h * t + i) * e + c] += p[j] * value;
          dp[j] += gi[c] * value;
          r.dv[(h * s + j) * e + c] += p[j] * gi[c];
        }
        dot += dp[j] * p[j];
      }
      for (size_t j = 0; j < keys; ++j)
        for (size_t c = 0; c < d; ++c) {
          const double ds = p[j] * (dp[j] - dot) * scale;
          r.dq[(h * t + i) * d + c] += ds * k.data()[(h * s + j) * d + c];
          r.dk[(h * s + j) * d + c] += ds * qi[c];
        }
    }
  return r;
}

const double kAttentionTight = naive::tolerance(4e-6, 1e-12);

void check_attention(int64 heads, int64 t, int64 s, int64 d, int64 e, bool causal) {
  CAPTURE(t);
  CAPTURE(s);
  CAPTURE(causal);
  Rng rng(7);
  const Tensor q = rng.normal_tensor({heads, t, d}), k = rng.normal_tensor({heads, s, d});
  const Tensor v = rng.normal_tensor({heads, s, e}), g = rng.normal_tensor({heads, t, e});
  const Result r = plain(q, k, v, g, causal, 0.4);
  Tensor lse;
  const Tensor out = kernels::attention(q, k, v, causal, real(0.4), &lse);
  CHECK(naive::error(out, r.out) < kAttentionTight);
  const kernels::AttentionGrads grads = kernels::attention_grad(g, q, k, v, out, lse, causal, real(0.4));
  CHECK(naive::error(grads.dq, r.dq) < kAttentionTight);
  CHECK(naive::error(grads.dk, r.dk) < kAttentionTight);
  CHECK(naive::error(grads.dv, r.dv) < kAttentionTight);
}

}  // namespace

TEST_CASE("attention kernels: values and gradients equal plain double loops") {
  check_attention(8, 64, 64, 32, 32, false);
  check_attention(8, 64, 64, 32, 32, true);
  check_attention(2, 200, 200, 16, 24, true);
  check_attention(2, 130, 75, 8, 5, false);
  check_attention(3, 1, 70, 4, 4, false);
  check_attention(3, 1, 1, 4, 4, true);
  check_attention(1, 65, 65, 3, 3, true);
}

TEST_CASE("self_attention: the packed form equals attention of the split tensors") {
  Rng rng(3);
  const int64 batch = 3, t = 70, heads = 2, d = 8, c = heads * d;
  const Tensor qkv = rng.normal_tensor({batch, t, 3 * c}), g = rng.normal_tensor({batch, t, c});
  // Part 0..2 of head h of qkv as (batch*heads, t, d).
  const auto split = [&](const Tensor& from, int64 width, int64 part) {
    Tensor to({batch * heads, t, d});
    for (int64 b = 0; b < batch; ++b)
      for (int64 h = 0; h < heads; ++h)
        for (int64 i = 0; i < t; ++i)
          std::copy_n(from.data() + (b * t + i) * width + part * c + h * d, d,
                      to.mutable_data() + ((b * heads + h) * t + i) * d);
    return to;
  };
  for (const bool causal : {false, true}) {
    const Tensor q = split(qkv, 3 * c, 0), k = split(qkv, 3 * c, 1), v = split(qkv, 3 * c, 2);
    Tensor lse, packed_lse;
    const Tensor out = kernels::attention(q, k, v, causal, real(0.3), &lse);
    const Tensor packed = kernels::self_attention(qkv, heads, causal, real(0.3), &packed_lse);
    CHECK(split(packed, c, 0).values() == out.values());
    CHECK(packed_lse.values() == lse.values());
    const auto grads = kernels::attention_grad(split(g, c, 0), q, k, v, out, lse, causal, real(0.3));
    const Tensor dqkv = kernels::self_attention_grad(g, qkv, packed, packed_lse, heads, causal, real(0.3));
    CHECK(split(dqkv, 3 * c, 0).values() == grads.dq.values());
    CHECK(split(dqkv, 3 * c, 1).values() == grads.dk.values());
    CHECK(split(dqkv, 3 * c, 2).values() == grads.dv.values());
  }
}

TEST_CASE("attention kernels: shapes that do not fit are refused") {
  const Tensor a = Tensor::zeros({2, 4, 3}), b = Tensor::zeros({2, 5, 3});
  CHECK_THROWS_AS(kernels::attention(a, b, b, true, 1), ShapeError);
  CHECK_THROWS_AS(kernels::attention(a, b, a, false, 1), ShapeError);
  CHECK_THROWS_AS(kernels::attention(a, Tensor::zeros({1, 5, 3}), b, false, 1), ShapeError);
  CHECK_THROWS_AS(kernels::self_attention(a, 2, false, 1), ShapeError);
}
