#include "autograd/functional/lanczos.h"

#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/functional/flat.h"
#include "core/blas.h"
#include "core/error.h"

namespace gradus {
namespace {

double norm_of(const Tensor& v) { return std::sqrt(inner({&v, 1}, {&v, 1})); }

void scale_to(const Tensor& v, double factor, real* out) {
  for (int64 i = 0; i < v.numel(); ++i) out[i] = static_cast<real>(static_cast<double>(v.data()[i]) * factor);
}

// Grows one step at a time, so that a caller can stop when it has what it needs.
class Lanczos {
 public:
  Lanczos(const LinearOperator& a, std::span<const Tensor> start, int max_steps)
      : a_(a), like_(start.begin(), start.end()) {
    if (max_steps < 1) fail<UsageError>("lanczos: needs at least one step, not {}", max_steps);
    n_ = total_size(start);
    rows_ = std::min<int64>(max_steps, n_);
    basis_ = Tensor(Shape{rows_, n_});
    next_ = flatten_all(start);
    residual_ = norm_of(next_);
    if (!(residual_ > 0) || !std::isfinite(residual_))
      fail<NumericError>("lanczos: the start vector has norm {}", residual_);
  }

  int steps() const { return static_cast<int>(alpha_.size()); }
  bool done() const { return steps() == rows_ || invariant_; }
  double residual() const { return residual_; }
  const std::vector<double>& alpha() const { return alpha_; }
  const std::vector<double>& beta() const { return beta_; }
  Tensor basis() const { return basis_.rows(0, steps()); }

  void step() {
    const int64 j = steps();
    if (j > 0) beta_.push_back(residual_);
    scale_to(next_, 1 / residual_, basis_.mutable_data() + j * n_);
    const Tensor q = basis_.rows(j, j + 1).view({n_});
    next_ = flatten_all(a_(unflatten(q, like_)));
    const double alpha = inner({&next_, 1}, {&q, 1});
    if (!std::isfinite(alpha)) fail<NumericError>("lanczos: the product of step {} is not finite", j + 1);
    alpha_.push_back(alpha);
    const double before = norm_of(next_);
    for (int pass = 0; pass < 2; ++pass) orthogonalise(j + 1);
    residual_ = norm_of(next_);
    // What is left is rounding: the vectors so far span an invariant subspace.
    const double epsilon = sizeof(real) == 8 ? 1e-13 : 1e-5;
    largest_ = std::max(largest_, before);
    invariant_ = residual_ <= epsilon * largest_;
  }

 private:
  // next -= Q' (Q next)
  void orthogonalise(int64 rows) {
    Tensor c({rows});
    gemm(false, false, rows, 1, n_, 1, basis_.data(), n_, next_.data(), 1, 0, c.mutable_data(), 1);
    gemm(true, false, n_, 1, rows, -1, basis_.data(), n_, c.data(), 1, 1, next_.mutable_data(), 1);
  }

  const LinearOperator& a_;
  std::vector<Tensor> like_;
  int64 n_ = 0, rows_ = 0;
  Tensor basis_, next_;
  double residual_ = 0, largest_ = 0;
  bool invariant_ = false;
  std::vector<double> alpha_, beta_;
};

// Eigenvalues of the tridiagonal matrix, ascending, and the eigenvectors' columns: vectors[i * m + j] is component i
// of eigenvector j.
struct Ritz {
  std::vector<double> values, vectors;
};
Ritz ritz(std::vector<double> alpha, std::vector<double> beta) {
  const auto m = static_cast<lapack_int>(alpha.size());
  std::vector<double> u(alpha.size() * alpha.size());
  beta.resize(alpha.size());  // LAPACK uses the last entry as work space
  if (LAPACKE_dstev(LAPACK_ROW_MAJOR, 'V', m, alpha.data(), beta.data(), u.data(), m) != 0)
    fail<NumericError>("lanczos: the eigenvalues of the tridiagonal matrix of {} steps do not converge", m);
  return {std::move(alpha), std::move(u)};
}

std::vector<Tensor> normal_like(std::span<const Tensor> like, Rng& rng) {
  std::vector<Tensor> z;
  for (const Tensor& x : like) z.push_back(rng.normal_tensor(x.shape()));
  return z;
}

}  // namespace

Tridiagonal lanczos(const LinearOperator& a, std::span<const Tensor> start, int steps) {
  Lanczos run(a, start, steps);
  while (!run.done()) run.step();
  Tridiagonal t{run.alpha(), run.beta(), run.basis()};
  t.beta.push_back(run.residual());
  return t;
}

EigenPairs top_eigenvalues(const LinearOperator& a, std::span<const Tensor> like, int k, Rng& rng,
                           const LanczosOptions& options) {
  if (k < 1) fail<UsageError>("top_eigenvalues: k = {} is not at least 1", k);
  Lanczos run(a, normal_like(like, rng), std::max(options.max_steps, k));
  Ritz r;
  const auto residual = [&](int i) {  // of the i-th largest: beta_m |u_mi|
    const size_t m = r.values.size();
    return run.residual() * std::abs(r.vectors[(m - 1) * m + (m - 1 - static_cast<size_t>(i))]);
  };
  while (true) {
    run.step();
    if (!run.done() && run.steps() < k) continue;
    r = ritz(run.alpha(), run.beta());
    const double scale = std::max(std::abs(r.values.front()), std::abs(r.values.back()));
    bool converged = true;
    for (int i = 0; i < k && i < run.steps(); ++i) converged &= residual(i) <= options.tolerance * scale;
    if (run.done() || converged) break;
  }
  EigenPairs pairs{{}, {}, {}, run.steps()};
  const Tensor q = run.basis();
  const int64 m = q.dim(0), n = q.dim(1);
  for (int i = 0; i < k && i < run.steps(); ++i) {
    const size_t column = static_cast<size_t>(m - 1 - i);
    Tensor weights({m}), vector({n});
    for (int64 j = 0; j < m; ++j)
      weights.mutable_data()[j] = static_cast<real>(r.vectors[static_cast<size_t>(j * m) + column]);
    gemm(true, false, n, 1, m, 1, q.data(), n, weights.data(), 1, 0, vector.mutable_data(), 1);
    pairs.values.push_back(r.values[column]);
    pairs.residuals.push_back(residual(i));
    pairs.vectors.push_back(unflatten(vector, like));
  }
  return pairs;
}

double SpectralDensity::at(double x, double sigma) const {
  double sum = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const double z = (x - nodes[i]) / sigma;
    sum += weights[i] * std::exp(-0.5 * z * z);
  }
  return sum * std::numbers::inv_sqrtpi / std::numbers::sqrt2 / sigma;
}

double SpectralDensity::moment(int p) const {
  double sum = 0;
  for (size_t i = 0; i < nodes.size(); ++i) sum += weights[i] * std::pow(nodes[i], p);
  return sum;
}

SpectralDensity spectral_density(const LinearOperator& a, std::span<const Tensor> like, int probes, int steps,
                                 Rng& rng) {
  if (probes < 1) fail<UsageError>("spectral_density: needs at least one probe, not {}", probes);
  SpectralDensity density;
  for (int p = 0; p < probes; ++p) {
    const Tridiagonal t = lanczos(a, rademacher_like(like, rng), steps);
    std::vector<double> beta(t.beta.begin(), t.beta.end() - 1);
    const Ritz r = ritz(t.alpha, beta);
    for (size_t j = 0; j < r.values.size(); ++j) {
      density.nodes.push_back(r.values[j]);
      density.weights.push_back(r.vectors[j] * r.vectors[j] / probes);
    }
  }
  return density;
}

}  // namespace gradus
