#include "optim/methods/lora_pro.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/linalg_wide.h"

namespace gradus {
namespace {

// A small matrix of doubles.
struct PairMatrix {
  int64 rows = 0, cols = 0;
  std::vector<double> v;

  PairMatrix(int64 r, int64 c) : rows(r), cols(c), v(static_cast<size_t>(r * c), 0.0) {}
  explicit PairMatrix(const Tensor& t) : rows(t.dim(0)), cols(t.dim(1)), v(t.data(), t.data() + t.numel()) {}
  double& at(int64 i, int64 j) { return v[static_cast<size_t>(i * cols + j)]; }
  double at(int64 i, int64 j) const { return v[static_cast<size_t>(i * cols + j)]; }
  PairMatrix transposed() const {
    PairMatrix t(cols, rows);
    for (int64 i = 0; i < rows; ++i)
      for (int64 j = 0; j < cols; ++j) t.at(j, i) = at(i, j);
    return t;
  }
  bool zero() const {
    return std::all_of(v.begin(), v.end(), [](double x) { return x == 0; });
  }
  Tensor tensor() const {
    Tensor t({rows, cols});
    std::copy(v.begin(), v.end(), t.mutable_data());
    return t;
  }
};

PairMatrix operator*(const PairMatrix& a, const PairMatrix& b) {
  PairMatrix c(a.rows, b.cols);
  for (int64 i = 0; i < a.rows; ++i)
    for (int64 k = 0; k < a.cols; ++k)
      for (int64 j = 0; j < b.cols; ++j) c.at(i, j) += a.at(i, k) * b.at(k, j);
  return c;
}
// a + factor*b.
PairMatrix plus(PairMatrix a, const PairMatrix& b, double factor = 1) {
  for (size_t i = 0; i < a.v.size(); ++i) a.v[i] += factor * b.v[i];
  return a;
}
PairMatrix scaled(PairMatrix a, double factor) {
  for (double& x : a.v) x *= factor;
  return a;
}

// V diag(values) V', V's columns being the rows of `rows`.
struct Decomposed {
  std::vector<double> values;
  PairMatrix rows;
  explicit Decomposed(const PairMatrix& symmetric) : rows(symmetric.rows, symmetric.rows) {
    linalg::WideEigen eigen = linalg::eigh(symmetric.v, symmetric.rows);
    values = std::move(eigen.values);
    rows.v = std::move(eigen.vectors);
  }
  PairMatrix inverse(double delta) const {
    PairMatrix divided = rows;
    for (int64 i = 0; i < rows.rows; ++i) {
      const double value = values[static_cast<size_t>(i)] + delta;
      if (!(value > 0))
        fail<NumericError>("lora-pro: a factor of rank below {} cannot be inverted with delta = {}",
                           rows.rows, delta);
      for (int64 j = 0; j < rows.cols; ++j) divided.at(i, j) /= value;
    }
    return rows.transposed() * divided;
  }
};

void check_pair(const Tensor& A, const Tensor& B, const PairGradient& g) {
  if (A.rank() != 2 || B.rank() != 2 || A.dim(0) != B.dim(1) || !(g.A.shape() == A.shape()) ||
      !(g.B.shape() == B.shape()))
    fail<ShapeError>("lora-pro: factors A {}, B {} and gradients {}, {} do not fit", A.shape().str(),
                     B.shape().str(), g.A.shape().str(), g.B.shape().str());
}

struct AdjustedPair {
  PairMatrix a, b;
};

AdjustedPair adjusted(const PairMatrix& A, const PairMatrix& B, const PairMatrix& gA, const PairMatrix& gB,
                      double s, double delta, bool with_x) {
  const double over = 1 / (s * s);
  const PairMatrix At = A.transposed(), Bt = B.transposed();
  const Decomposed Q(A * At);
  const PairMatrix iQ = Q.inverse(delta);
  if (B.zero()) return {gA, scaled(gB * iQ, over)};
  const Decomposed P(Bt * B);
  const PairMatrix iP = P.inverse(delta);
  const PairMatrix iP_gA = iP * gA;
  AdjustedPair out{scaled(iP_gA, over), scaled(plus(gB, B * (iP * (Bt * gB)), -1) * iQ, over)};
  if (!with_x) return out;
  // U (U'CV / (p_i + q_j)) V' solves P X + X Q = C.
  PairMatrix inner = P.rows * scaled(iP_gA * At, -over) * Q.rows.transposed();
  for (int64 i = 0; i < inner.rows; ++i)
    for (int64 j = 0; j < inner.cols; ++j) {
      const double sum = P.values[static_cast<size_t>(i)] + Q.values[static_cast<size_t>(j)];
      inner.at(i, j) = sum > 0 ? inner.at(i, j) / sum : 0;
    }
  const PairMatrix X = P.rows.transposed() * inner * Q.rows;
  return {plus(out.a, X * A), plus(out.b, B * X, -1)};
}

PairMatrix equivalent(const PairMatrix& A, const PairMatrix& B, const PairMatrix& gA, const PairMatrix& gB,
                      double s) {
  return scaled(plus(B * gA, gB * A), s);
}

void decay_and_step(Tensor& w, const PairMatrix& direction, double lr, double weight_decay) {
  real* p = w.mutable_data();
  const double keep = 1 - lr * weight_decay;
  for (size_t i = 0; i < direction.v.size(); ++i)
    p[i] = static_cast<real>(keep * static_cast<double>(p[i]) - lr * direction.v[i]);
}

}  // namespace

Tensor equivalent_gradient(const Tensor& A, const Tensor& B, const PairGradient& g, double s) {
  check_pair(A, B, g);
  return equivalent(PairMatrix(A), PairMatrix(B), PairMatrix(g.A), PairMatrix(g.B), s).tensor();
}

PairGradient pair_of_full_gradient(const Tensor& A, const Tensor& B, const Tensor& g, double s) {
  if (A.rank() != 2 || B.rank() != 2 || !(g.shape() == Shape{B.dim(0), A.dim(1)}))
    fail<ShapeError>("lora-pro: factors A {}, B {} and a gradient {} do not fit", A.shape().str(),
                     B.shape().str(), g.shape().str());
  const PairMatrix full(g);
  return {scaled(PairMatrix(B).transposed() * full, s).tensor(),
          scaled(full * PairMatrix(A).transposed(), s).tensor()};
}

PairGradient adjust_pair(const Tensor& A, const Tensor& B, const PairGradient& g, double s, double delta,
                         bool with_x) {
  check_pair(A, B, g);
  const AdjustedPair out =
      adjusted(PairMatrix(A), PairMatrix(B), PairMatrix(g.A), PairMatrix(g.B), s, delta, with_x);
  return {out.a.tensor(), out.b.tensor()};
}

LoraProPair::LoraProPair(Tensor A, Tensor B, double s, const LoraProOptions& options)
    : o_(options), a_(std::move(A)), b_(std::move(B)), s_(s) {
  if (!(s > 0)) fail<UsageError>("lora-pro: the scaling is {}, but positive", s);
}

void LoraProPair::step(const PairGradient& g, double lr) {
  check_pair(a_, b_, g);
  ++t_;
  const PairMatrix A(a_), B(b_);
  PairMatrix gA(g.A), gB(g.B);
  if (o_.optimizer == "adamw") {
    const AdjustedPair plain = adjusted(A, B, gA, gB, s_, o_.delta, false);
    PairMatrix D = equivalent(A, B, plain.a, plain.b, s_);
    if (!m_.defined()) m_ = Tensor::zeros({D.rows, D.cols}), v_ = Tensor::zeros({D.rows, D.cols});
    real *m = m_.mutable_data(), *v = v_.mutable_data();
    const double t = static_cast<double>(t_), c1 = 1 - std::pow(o_.beta1, t),
                 c2 = std::sqrt(1 - std::pow(o_.beta2, t));
    for (size_t i = 0; i < D.v.size(); ++i) {
      const double G = D.v[i], mean = o_.beta1 * static_cast<double>(m[i]) + (1 - o_.beta1) * G,
                   square = o_.beta2 * static_cast<double>(v[i]) + (1 - o_.beta2) * G * G;
      m[i] = static_cast<real>(mean);
      v[i] = static_cast<real>(square);
      D.v[i] = mean / c1 / (std::sqrt(square) / c2 + o_.eps);
    }
    gA = scaled(B.transposed() * D, s_);
    gB = scaled(D * A.transposed(), s_);
  }
  const AdjustedPair move = adjusted(A, B, gA, gB, s_, o_.delta, true);
  decay_and_step(a_, move.a, lr, o_.weight_decay);
  decay_and_step(b_, move.b, lr, o_.weight_decay);
}

}  // namespace gradus
