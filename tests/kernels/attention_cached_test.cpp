// Attention of further positions on kept keys and values, against plain double loops.
#include "core/kernels/attention_cached.h"

#include "core/error.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

struct CachedCase {
  int64 batch, heads, d, capacity, length, t, last;
};

// What must come out, by the caches as they must be afterwards.
Doubles plain_cached(const CachedCase& s, const Tensor& qkv, const Tensor& keys, const Tensor& values,
                     double scale) {
  const int64 c = s.heads * s.d;
  Doubles out;
  for (int64 b = 0; b < s.batch; ++b)
    for (int64 q = s.t - s.last; q < s.t; ++q)
      for (int64 h = 0; h < s.heads; ++h) {
        const real* query = qkv.data() + (b * s.t + q) * 3 * c + h * s.d;
        const int64 seen = s.length + q + 1, at = (b * s.heads + h) * s.capacity * s.d;
        Doubles p;
        double most = -INFINITY, sum = 0;
        for (int64 j = 0; j < seen; ++j) {
          double score = 0;
          for (int64 i = 0; i < s.d; ++i) score += double(query[i]) * keys.data()[at + j * s.d + i];
          p.push_back(score * scale);
          most = std::max(most, p.back());
        }
        for (double& v : p) sum += v = std::exp(v - most);
        for (int64 i = 0; i < s.d; ++i) {
          double mixed = 0;
          for (int64 j = 0; j < seen; ++j) mixed += p[size_t(j)] / sum * values.data()[at + j * s.d + i];
          out.push_back(mixed);
        }
      }
  return out;
}

}  // namespace

TEST_CASE(
    "cached attention: values, what the caches receive, and the same bits for a sequence in any company") {
  // Heads of whole vectors, of one and a rest, smaller than one; one query and several, the first of all, a whole block,
  // only the last of it; keys that fill vectors and that do not.
  const CachedCase cases[] = {{3, 2, 32, 64, 20, 1, 1}, {3, 2, 32, 64, 63, 1, 1}, {2, 3, 24, 40, 15, 3, 3},
                              {2, 2, 5, 20, 16, 2, 1},  {2, 1, 48, 9, 0, 1, 1},   {3, 4, 16, 70, 0, 66, 66},
                              {3, 4, 16, 70, 0, 33, 1}, {2, 2, 7, 33, 31, 2, 2},  {40, 4, 32, 64, 47, 1, 1}};
  Rng rng(5);
  const int before = threads();
  for (const CachedCase& s : cases) {
    CAPTURE(s.d);
    CAPTURE(s.length);
    CAPTURE(s.t);
    const int64 c = s.heads * s.d;
    const Tensor qkv = rng.normal_tensor({s.batch, s.t, 3 * c});
    const Tensor keys = rng.normal_tensor({s.batch, s.heads, s.capacity, s.d}),
                 values = rng.normal_tensor(keys.shape());
    Tensor expected_k = keys.clone(), expected_v = values.clone();
    for (int64 b = 0; b < s.batch; ++b)
      for (int64 h = 0; h < s.heads; ++h)
        for (int64 q = 0; q < s.t; ++q) {
          const real* row = qkv.data() + (b * s.t + q) * 3 * c + h * s.d;
          const int64 to = ((b * s.heads + h) * s.capacity + s.length + q) * s.d;
          std::copy_n(row + c, s.d, expected_k.mutable_data() + to);
          std::copy_n(row + 2 * c, s.d, expected_v.mutable_data() + to);
        }
    naive::poison_scratch();
    set_threads(1);
    Tensor k = keys.clone(), v = values.clone();
    const Tensor y = kernels::self_attention_cached(qkv, k, v, s.length, s.last, real(0.3));
    CHECK(y.shape() == Shape{s.batch, s.last, c});
    CHECK(naive::error(y, plain_cached(s, qkv, expected_k, expected_v, 0.3)) < naive::tolerance(4e-6, 1e-12));
    CHECK(k.values() == expected_k.values());
    CHECK(v.values() == expected_v.values());
    set_threads(3);
    k = keys.clone(), v = values.clone();
    CHECK(kernels::self_attention_cached(qkv, k, v, s.length, s.last, real(0.3)).values() == y.values());
    set_threads(1);
    k = keys.rows(1, 2).clone(), v = values.rows(1, 2).clone();
    CHECK(kernels::self_attention_cached(qkv.rows(1, 2), k, v, s.length, s.last, real(0.3)).values() ==
          y.rows(1, 2).values());
  }
  set_threads(before);
}

TEST_CASE("cached attention: shapes that do not fit are refused") {
  Tensor k = Tensor::zeros({2, 3, 8, 4}), v = Tensor::zeros({2, 3, 8, 4}),
         other = Tensor::zeros({2, 3, 9, 4});
  const Tensor x = Tensor::zeros({2, 2, 36});
  CHECK(kernels::self_attention_cached(x, k, v, 6, 2, 1).shape() == Shape{2, 2, 12});
  CHECK_THROWS_WITH_AS(kernels::self_attention_cached(x, k, v, 7, 2, 1),
                       doctest::Contains("qkv (2, 2, 36) behind 7 positions of keys (2, 3, 8, 4)"),
                       ShapeError);
  CHECK_THROWS_AS(kernels::self_attention_cached(x, k, other, 0, 2, 1), ShapeError);
  CHECK_THROWS_AS(kernels::self_attention_cached(x, k, v, -1, 2, 1), ShapeError);
  CHECK_THROWS_AS(kernels::self_attention_cached(x, k, v, 0, 3, 1), ShapeError);
  CHECK_THROWS_AS(kernels::self_attention_cached(x, k, v, 0, 0, 1), ShapeError);
  CHECK_THROWS_AS(kernels::self_attention_cached(Tensor::zeros({1, 2, 36}), k, v, 0, 1, 1), ShapeError);
  CHECK_THROWS_AS(kernels::self_attention_cached(Tensor::zeros({2, 2, 33}), k, v, 0, 1, 1), ShapeError);
}
