#include "core/kernels/attention.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/kernels/gemm.h"
#include "core/kernels/vmath.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

constexpr int64 kQueryBlock = 64, kKeyBlock = 64;

// A matrix inside a tensor: one head's queries, keys, values or their gradients.
template <class T>
struct View {
  T* p;
  int64 stride;  // between rows
  T* row(int64 i) const { return p + i * stride; }
  // Rows from i on as a matrix to multiply, and its transpose.
  MatrixView along(int64 i) const { return matrix_view(row(i), stride); }
  MatrixView across(int64 i) const { return matrix_view(row(i), stride, true); }
};
using In = View<const real>;
using Out = View<real>;

// One head.
struct Head {
  int64 t, s, d, e;  // queries, keys, width of q and k, width of v
  bool causal;
  real scale;
  // Keys that queries before `q_end` can see.
  int64 visible(int64 q_end) const { return causal ? std::min(s, q_end) : s; }
};

// Panels of any operand: a block of up to kKeyBlock rows of q, k, v or g, or its transpose.
int64 panels_of(const Head& h) {
  const int64 width = std::max(h.d, h.e);
  return std::max(panel_numbers(width, kKeyBlock), panel_numbers(kKeyBlock, width));
}

// Where threads keep their blocks of scores.
struct Scratch {
  explicit Scratch(int64 numbers) : buffer((numbers + kLanes - 1) / kLanes), p(buffer.data()) {}
  real* take(int64 n) {
    real* at = p;
    p += (n + 15) / 16 * 16;
    return at;
  }
  LaneBuffer buffer;
  real* p;
};

// scores (rows,cols) = scale * Q K' of a block, minus infinity where the mask hides the key.
void block_scores(const Head& h, In q, In k, int64 q0, int64 rows, int64 k0, int64 cols, real* panels,
                  real* scores) {
  pack_panels(k.across(k0), h.d, cols, h.scale, panels);
  multiply_packed(q.along(q0), rows, h.d, cols, panels, scores, kKeyBlock, false);
  if (!h.causal) return;
  for (int64 i = 0; i < rows; ++i)
    for (int64 j = std::max<int64>(0, q0 + i + 1 - k0); j < cols; ++j)
      scores[i * kKeyBlock + j] = -std::numeric_limits<real>::infinity();
}

void forward_head(const Head& h, In q, In k, In v, Out out, real* lse) {
  Scratch scratch(kQueryBlock * (kKeyBlock + 1) + panels_of(h) + 64);
  real *scores = scratch.take(kQueryBlock * kKeyBlock), *most = scratch.take(kQueryBlock);
  real* panels = scratch.take(panels_of(h));
  double total[kQueryBlock];  // of all key blocks so far
  for (int64 q0 = 0; q0 < h.t; q0 += kQueryBlock) {
    const int64 rows = std::min(kQueryBlock, h.t - q0), keys = h.visible(q0 + rows);
    for (int64 k0 = 0; k0 < keys; k0 += kKeyBlock) {
      const int64 cols = std::min(kKeyBlock, keys - k0);
      block_scores(h, q, k, q0, rows, k0, cols, panels, scores);
      for (int64 i = 0; i < rows; ++i) {
        real* s = scores + i * kKeyBlock;
        real m = k0 ? most[i] : -std::numeric_limits<real>::infinity();
        const real before = m;
#pragma omp simd reduction(max : m)
        for (int64 j = 0; j < cols; ++j) m = s[j] > m ? s[j] : m;
        // A block all of whose keys are hidden changes nothing; 0 stands in for the missing maximum.
        const real shift = m == -std::numeric_limits<real>::infinity() ? 0 : m;
        real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64 j = 0; j < cols; ++j) {
          const real p = vmath::exp(s[j] - shift);
          s[j] = p;
          sum += p;
        }
        if (k0) {
          const real decay = vmath::exp(before - shift);
          total[i] = total[i] * static_cast<double>(decay) + static_cast<double>(sum);
          real* o = out.row(q0 + i);
          if (decay != 1)
            for (int64 j = 0; j < h.e; ++j) o[j] *= decay;
        } else {
          total[i] = static_cast<double>(sum);
        }
        most[i] = m;
      }
      pack_panels(v.along(k0), cols, h.e, 1, panels);
      multiply_packed(matrix_view(scores, kKeyBlock), rows, cols, h.e, panels, out.row(q0), out.stride,
                      k0 > 0);
    }
    for (int64 i = 0; i < rows; ++i) {
      real* o = out.row(q0 + i);
      const real sum = static_cast<real>(total[i]), inverse = 1 / sum;
      for (int64 j = 0; j < h.e; ++j) o[j] *= inverse;
      lse[q0 + i] = most[i] + vmath::log(sum);
    }
  }
}

void backward_head(const Head& h, In q, In k, In v, In out, const real* lse, In g, Out dq, Out dk, Out dv) {
  Scratch scratch(2 * kQueryBlock * kKeyBlock + kQueryBlock + panels_of(h) + 64);
  real *p = scratch.take(kQueryBlock * kKeyBlock), *dp = scratch.take(kQueryBlock * kKeyBlock);
  real *dot = scratch.take(kQueryBlock), *panels = scratch.take(panels_of(h));
  const int64 seen = h.visible(h.t);  // keys beyond were used by nobody
  for (int64 j = seen; j < h.s; ++j) {
    std::fill_n(dk.row(j), h.d, real{0});
    std::fill_n(dv.row(j), h.e, real{0});
  }
  int64 written = 0;  // rows of dk and dv that hold a value
  for (int64 q0 = 0; q0 < h.t; q0 += kQueryBlock) {
    const int64 rows = std::min(kQueryBlock, h.t - q0), keys = h.visible(q0 + rows);
    for (int64 i = 0; i < rows; ++i) {
      const real *o = out.row(q0 + i), *gi = g.row(q0 + i);
      real sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64 j = 0; j < h.e; ++j) sum += o[j] * gi[j];
      dot[i] = sum;
    }
    for (int64 k0 = 0; k0 < keys; k0 += kKeyBlock) {
      const int64 cols = std::min(kKeyBlock, keys - k0);
      // A key block first met by this query block: what is there is not a value yet.
      const bool add = k0 < written;
      block_scores(h, q, k, q0, rows, k0, cols, panels, p);
      pack_panels(v.across(k0), h.e, cols, 1, panels);
      multiply_packed(g.along(q0), rows, h.e, cols, panels, dp, kKeyBlock, false);
      for (int64 i = 0; i < rows; ++i) {
        real *pi = p + i * kKeyBlock, *di = dp + i * kKeyBlock;
        const real sum = lse[q0 + i], shift = dot[i], scale = h.scale;
        for (int64 j = 0; j < cols; ++j) {
          pi[j] = vmath::exp(pi[j] - sum);
          di[j] = pi[j] * (di[j] - shift) * scale;
        }
      }
      pack_panels(g.along(q0), rows, h.e, 1, panels);
      multiply_packed(matrix_view(p, kKeyBlock, true), cols, rows, h.e, panels, dv.row(k0), dv.stride, add);
      pack_panels(q.along(q0), rows, h.d, 1, panels);
      multiply_packed(matrix_view(dp, kKeyBlock, true), cols, rows, h.d, panels, dk.row(k0), dk.stride, add);
      pack_panels(k.along(k0), cols, h.d, 1, panels);
      multiply_packed(matrix_view(dp, kKeyBlock), rows, cols, h.d, panels, dq.row(q0), dq.stride, k0 > 0);
      written = std::max(written, k0 + cols);
    }
  }
}

template <class Body>
void each_head(int64 heads, const Head& h, const Body& body) {
  const int64 work = std::max<int64>(1, h.t * h.s * (h.d + h.e));
  parallel_for(heads, kParallelGrain / work, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) body(i);
  });
}

Head head_of(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, real scale) {
  const bool ranks = q.rank() >= 2 && k.rank() == q.rank() && v.rank() == q.rank();
  bool fits = ranks && q.dim(-1) == k.dim(-1) && k.dim(-2) == v.dim(-2) && k.dim(-2) > 0;
  for (int axis = 0; fits && axis < q.rank() - 2; ++axis)
    fits = q.dim(axis) == k.dim(axis) && q.dim(axis) == v.dim(axis);
  if (!fits || (causal && q.dim(-2) != k.dim(-2)))
    fail<ShapeError>("attention: q {}, k {}, v {}{}", q.shape().str(), k.shape().str(), v.shape().str(),
                     causal ? ", causal" : "");
  return {q.dim(-2), k.dim(-2), q.dim(-1), v.dim(-1), causal, scale};
}

// Product of the leading axes.
int64 head_count(const Tensor& q) {
  int64 heads = 1;
  for (int axis = 0; axis < q.rank() - 2; ++axis) heads *= q.dim(axis);
  return heads;
}

Head packed_head(const Tensor& qkv, int64 heads, bool causal, real scale) {
  if (qkv.rank() != 3 || heads < 1 || qkv.dim(2) % (3 * heads) || qkv.dim(1) < 1)
    fail<ShapeError>("self_attention: qkv {} does not split into 3 x {} heads", qkv.shape().str(), heads);
  const int64 t = qkv.dim(1), d = qkv.dim(2) / 3 / heads;
  return {t, t, d, d, causal, scale};
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, real scale, Tensor* lse) {
  const Head h = head_of(q, k, v, causal, scale);
  std::vector<int64> dims(q.shape().begin(), q.shape().end());
  dims.back() = h.e;
  Tensor out{Shape(dims)}, spare;
  const int64 heads = head_count(q);
  Tensor& sums = lse ? *lse : spare;
  sums = Tensor({heads, h.t});
  real *po = out.mutable_data(), *ps = sums.mutable_data();
  each_head(heads, h, [&](int64 i) {
    forward_head(h, {q.data() + i * h.t * h.d, h.d}, {k.data() + i * h.s * h.d, h.d},
                 {v.data() + i * h.s * h.e, h.e}, {po + i * h.t * h.e, h.e}, ps + i * h.t);
  });
  return out;
}

AttentionGrads attention_grad(const Tensor& g, const Tensor& q, const Tensor& k, const Tensor& v,
                              const Tensor& out, const Tensor& lse, bool causal, real scale) {
  const Head h = head_of(q, k, v, causal, scale);
  const int64 heads = head_count(q);
  if (!(g.shape() == out.shape()) || lse.numel() != heads * h.t || g.numel() != heads * h.t * h.e)
    fail<ShapeError>("attention_grad: gradient {} and output {} for q {}", g.shape().str(), out.shape().str(),
                     q.shape().str());
  AttentionGrads grads{Tensor(q.shape()), Tensor(k.shape()), Tensor(v.shape())};
  real *dq = grads.dq.mutable_data(), *dk = grads.dk.mutable_data(), *dv = grads.dv.mutable_data();
  each_head(heads, h, [&](int64 i) {
    const int64 qi = i * h.t * h.d, ki = i * h.s * h.d, vi = i * h.s * h.e, oi = i * h.t * h.e;
    backward_head(h, {q.data() + qi, h.d}, {k.data() + ki, h.d}, {v.data() + vi, h.e}, {out.data() + oi, h.e},
                  lse.data() + i * h.t, {g.data() + oi, h.e}, {dq + qi, h.d}, {dk + ki, h.d}, {dv + vi, h.e});
  });
  return grads;
}

Tensor self_attention(const Tensor& qkv, int64 heads, bool causal, real scale, Tensor* lse) {
  const Head h = packed_head(qkv, heads, causal, scale);
  const int64 batch = qkv.dim(0), c = heads * h.d;
  Tensor out({batch, h.t, c}), spare;
  Tensor& sums = lse ? *lse : spare;
  sums = Tensor({batch * heads, h.t});
  real *po = out.mutable_data(), *ps = sums.mutable_data();
  each_head(batch * heads, h, [&](int64 i) {
    const int64 b = i / heads, column = i % heads * h.d;
    const real* p = qkv.data() + b * h.t * 3 * c + column;
    forward_head(h, {p, 3 * c}, {p + c, 3 * c}, {p + 2 * c, 3 * c}, {po + b * h.t * c + column, c},
                 ps + i * h.t);
  });
  return out;
}

Tensor self_attention_grad(const Tensor& g, const Tensor& qkv, const Tensor& out, const Tensor& lse,
                           int64 heads, bool causal, real scale) {
  const Head h = packed_head(qkv, heads, causal, scale);
  const int64 batch = qkv.dim(0), c = heads * h.d;
  if (!(g.shape() == Shape{batch, h.t, c}) || !(out.shape() == g.shape()) ||
      lse.numel() != batch * heads * h.t)
    fail<ShapeError>("self_attention_grad: gradient {} and output {} for qkv {}", g.shape().str(),
                     out.shape().str(), qkv.shape().str());
  Tensor grad(qkv.shape());
  real* pd = grad.mutable_data();
  each_head(batch * heads, h, [&](int64 i) {
    const int64 b = i / heads, column = i % heads * h.d;
    const int64 in = b * h.t * 3 * c + column, at = b * h.t * c + column, w = 3 * c;
    const real* p = qkv.data() + in;
    backward_head(h, {p, w}, {p + c, w}, {p + 2 * c, w}, {out.data() + at, c}, lse.data() + i * h.t,
                  {g.data() + at, c}, {pd + in, w}, {pd + in + c, w}, {pd + in + 2 * c, w});
  });
  return grad;
}

}  // namespace gradus::kernels
