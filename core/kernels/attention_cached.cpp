#include "core/kernels/attention_cached.h"

#include <algorithm>

#include "core/error.h"
#include "core/kernels/attention.h"
#include "core/kernels/conv_pack.h"
#include "core/kernels/vmath.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

// Keys and values of many sequences come from the third-level cache, a few KB at a time from one place: too little for the
// hardware to run ahead. So while keys are read, the values are called for, and meanwhile the next head's keys.

// sum[l] = the products of q and row l of k, lane by lane, for whole vectors of d; kRows = 0: of `rows` rows.
template <int kRows>
inline void multiply_rows(const real* q, const real* k, int64 rows, int64 d, Lanes (&sum)[kLanes],
                          const real* next) {
#pragma GCC unroll 16
  for (int l = 0; l < kLanes; ++l) sum[l] = Lanes{};
  for (int64 i = 0; i + kLanes <= d; i += kLanes) {
    const Lanes part = load(q + i);
#pragma GCC unroll 16
    for (int64 l = 0; l < (kRows ? kRows : rows); ++l) {
      __builtin_prefetch(next + l * d + i);
      sum[l] += part * load(k + l * d + i);
    }
  }
}

// scores[j] = scale * q . row j of k, for `rows` rows of d numbers; filled up to whole vectors, which `scores` has room for.
// As many as `readable` rows may be read, whatever they hold. `next`: rows of the same form that will be read after it.
void score_keys(const real* q, const real* k, int64 rows, int64 readable, int64 d, real scale, real* scores,
                const real* next) {
  const int64 whole = d / kLanes * kLanes;
  for (int64 j = 0; j < rows; j += kLanes) {
    const int64 here = std::min<int64>(kLanes, rows - j);
    if (j + kLanes <= readable) {
      Lanes sum[kLanes];
      multiply_rows<kLanes>(q, k + j * d, kLanes, d, sum, next + j * d);
      store(scores + j, sum_each(sum) * scale);
    } else {
      Lanes sum[kLanes];
      multiply_rows<0>(q, k + j * d, here, d, sum, next + j * d);
      store(scores + j, sum_each(sum) * scale);
    }
    for (int64 l = 0; whole < d && l < here; ++l) {
      real rest = 0;
      for (int64 i = whole; i < d; ++i) rest += q[i] * k[(j + l) * d + i];
      scores[j + l] += rest * scale;
    }
  }
}

// out = sum over j of p[j] * row j of v, for `rows` rows of d numbers.
void mix_values(const real* p, const real* v, int64 rows, int64 d, real* out, const real* next) {
  constexpr int kWide = 2, kDeep = 4;  // vectors of a row, rows under way
  int64 i = 0;
  for (; i + kWide * kLanes <= d; i += kWide * kLanes) {
    Lanes sum[kDeep][kWide] = {};
    int64 j = 0;
    for (; j + kDeep <= rows; j += kDeep)
#pragma GCC unroll 4
      for (int r = 0; r < kDeep; ++r)
#pragma GCC unroll 2
        for (int w = 0; w < kWide; ++w) {
          const int64 at = (j + r) * d + i + w * kLanes;
          __builtin_prefetch(next + at);
          sum[r][w] += load(v + at) * p[j + r];
        }
    for (; j < rows; ++j)
      for (int w = 0; w < kWide; ++w) sum[0][w] += load(v + j * d + i + w * kLanes) * p[j];
    for (int w = 0; w < kWide; ++w)
      store(out + i + w * kLanes, (sum[0][w] + sum[1][w]) + (sum[2][w] + sum[3][w]));
  }
  if (i == d) return;
  std::fill(out + i, out + d, real{0});
  for (int64 j = 0; j < rows; ++j)
    for (int64 at = i; at < d; ++at) out[at] += p[j] * v[j * d + at];
}

// Some hundred bytes: less than a call of memmove takes.
void copy_row(const real* from, int64 n, real* to) {
  int64 i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(from + i));
  for (; i < n; ++i) to[i] = from[i];
}

// One query over `rows` keys and values; `next_k` will be the next keys.
void attend(const real* q, const real* k, const real* v, int64 rows, int64 readable, int64 d, real scale,
            real* scores, real* out, const real* next_k) {
  score_keys(q, k, rows, readable, d, scale, scores, v);
  real most = scores[0];
#pragma omp simd reduction(max : most)
  for (int64 j = 0; j < rows; ++j) most = scores[j] > most ? scores[j] : most;
  real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64 j = 0; j < rows; ++j) {
    const real p = vmath::exp(scores[j] - most);
    scores[j] = p;
    sum += p;
  }
  mix_values(scores, v, rows, d, out, next_k);
  const real inverse = 1 / sum;
  for (int64 i = 0; i < d; ++i) out[i] *= inverse;
}

}  // namespace

Tensor self_attention_cached(const Tensor& qkv, Tensor& keys, Tensor& values, int64 length, int64 last,
                             real scale) {
  if (qkv.rank() != 3 || keys.rank() != 4 || !(keys.shape() == values.shape()) || qkv.dim(0) != keys.dim(0) ||
      qkv.dim(2) != 3 * keys.dim(1) * keys.dim(3) || last < 1 || last > qkv.dim(1) || length < 0 ||
      length + qkv.dim(1) > keys.dim(2))
    fail<ShapeError>(
        "self_attention_cached: the last {} of qkv {} behind {} positions of keys {} and values {}", last,
        qkv.shape().str(), length, keys.shape().str(), values.shape().str());
  const int64 batch = qkv.dim(0), t = qkv.dim(1), heads = keys.dim(1), capacity = keys.dim(2),
              d = keys.dim(3), c = heads * d;
  real *pk = keys.mutable_data(), *pv = values.mutable_data();
  const bool block = length == 0 && last == t && t > 1;  // a block of queries: packing its keys pays
  Tensor out = block ? self_attention(qkv, heads, true, scale) : Tensor({batch, last, c});
  real* po = block ? nullptr : out.mutable_data();
  const int64 work = std::max<int64>(1, 2 * d * (t + (block ? 0 : last * (length + t))));
  parallel_for(batch * heads, kParallelGrain / work + 1, [&](int64 begin, int64 end) {
    LaneBuffer scores(block ? 0 : (length + t + kLanes - 1) / kLanes);
    for (int64 i = begin; i < end; ++i) {
      const int64 b = i / heads, column = i % heads * d;
      const real* rows = qkv.data() + b * t * 3 * c + column;
      real *k = pk + i * capacity * d, *v = pv + i * capacity * d;
      for (int64 q = 0; q < t; ++q) {
        copy_row(rows + q * 3 * c + c, d, k + (length + q) * d);
        copy_row(rows + q * 3 * c + 2 * c, d, v + (length + q) * d);
      }
      for (int64 q = 0; po && q < last; ++q) {
        const int64 at = t - last + q;
        attend(rows + at * 3 * c, k, v, length + at + 1, capacity, d, scale, scores.data(),
               po + (b * last + q) * c + column, i + 1 < end && q + 1 == last ? k + capacity * d : k);
      }
    }
  });
  return out;
}

}  // namespace gradus::kernels
