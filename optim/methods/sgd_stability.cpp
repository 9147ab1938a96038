#include "optim/methods/sgd_stability.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/lanczos.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

using linalg::matmul;

double largest_eigenvalue(const Tensor& symmetric) {
  return static_cast<double>(linalg::eigh(symmetric).values.data()[symmetric.dim(0) - 1]);
}

double square_norm_of(const Tensor& t) {
  double sum = 0;
  for (const real v : t.span()) sum += static_cast<double>(v) * static_cast<double>(v);
  return sum;
}

// to += c*x.
void add_times(double c, const Tensor& x, Tensor& to) {
  real* out = to.mutable_data();
  for (int64 i = 0; i < x.numel(); ++i)
    out[i] = static_cast<real>(static_cast<double>(out[i]) + c * static_cast<double>(x.data()[i]));
}

void check_hessians(const Tensor& h) {
  if (h.rank() != 3 || h.dim(1) != h.dim(2) || h.numel() == 0)
    fail<ShapeError>("SGD stability: Hessians of shape {}, expected (n, p, p)", h.shape().str());
}

// Matrix i of (n,a,b).
Tensor matrix_of(const Tensor& stack, int64 i) {
  return stack.rows(i, i + 1).view({stack.dim(1), stack.dim(2)});
}

Tensor mean_matrix(const Tensor& stack) {
  Tensor mean = Tensor::zeros({stack.dim(1), stack.dim(2)});
  for (int64 i = 0; i < stack.dim(0); ++i)
    add_times(1 / static_cast<double>(stack.dim(0)), matrix_of(stack, i), mean);
  return mean;
}

Coherence finished(Coherence c) {
  if (!(c.max_example_eigenvalue > 0)) fail<NumericError>("coherence: all Hessians are zero");
  c.coherence = largest_eigenvalue(c.s) / c.max_example_eigenvalue;
  return c;
}

}  // namespace

Coherence hessian_coherence(const Tensor& hessians) {
  check_hessians(hessians);
  const int64 n = hessians.dim(0), size = hessians.dim(1) * hessians.dim(2);
  Coherence c{Tensor({n, n})};
  for (int64 i = 0; i < n; ++i) {
    c.max_example_eigenvalue = std::max(c.max_example_eigenvalue, largest_eigenvalue(matrix_of(hessians, i)));
    for (int64 j = 0; j <= i; ++j) {
      double trace = 0;  // tr(H_i H_j) of symmetric matrices
      const real *a = hessians.data() + i * size, *b = hessians.data() + j * size;
      for (int64 k = 0; k < size; ++k) trace += static_cast<double>(a[k]) * static_cast<double>(b[k]);
      c.s.mutable_data()[i * n + j] = c.s.mutable_data()[j * n + i] =
          static_cast<real>(std::sqrt(std::max(trace, 0.0)));
    }
  }
  c.top_eigenvalue = largest_eigenvalue(mean_matrix(hessians));
  return finished(c);
}

Coherence root_coherence(const Tensor& roots) {
  if (roots.rank() != 3 || roots.numel() == 0)
    fail<ShapeError>("coherence: roots of shape {}, expected (n, C, p)", roots.shape().str());
  const int64 n = roots.dim(0), width = roots.dim(1), rows = n * width;
  const Tensor all = roots.view({rows, roots.dim(2)});
  const Tensor gram = matmul(all, all, false, true);  // (nC,nC), of blocks B_i B_j'
  Coherence c{Tensor({n, n})};
  for (int64 i = 0; i < n; ++i)
    for (int64 j = 0; j < n; ++j) {
      Tensor block({width, width});
      for (int64 a = 0; a < width; ++a)
        std::copy_n(gram.data() + (i * width + a) * rows + j * width, width,
                    block.mutable_data() + a * width);
      c.s.mutable_data()[i * n + j] = static_cast<real>(std::sqrt(square_norm_of(block)));
      if (i == j) c.max_example_eigenvalue = std::max(c.max_example_eigenvalue, largest_eigenvalue(block));
    }
  c.top_eigenvalue = largest_eigenvalue(gram) / static_cast<double>(n);
  return finished(c);
}

Tensor cross_entropy_roots(const Tensor& jacobians, const Tensor& logits) {
  if (jacobians.rank() != 3 || logits.rank() != 2 || logits.dim(0) != jacobians.dim(0) ||
      logits.dim(1) != jacobians.dim(1))
    fail<ShapeError>("cross-entropy roots: Jacobians {}, logits {}", jacobians.shape().str(),
                     logits.shape().str());
  const int64 n = jacobians.dim(0), c = jacobians.dim(1), p = jacobians.dim(2);
  Tensor roots(jacobians.shape());
  std::vector<double> q(static_cast<size_t>(c)), mean(static_cast<size_t>(p));
  for (int64 i = 0; i < n; ++i) {
    const real* z = logits.data() + i * c;
    const double top = c ? static_cast<double>(*std::max_element(z, z + c)) : 0;
    double sum = 0;
    for (int64 k = 0; k < c; ++k)
      sum += q[static_cast<size_t>(k)] = std::exp(static_cast<double>(z[k]) - top);
    std::fill(mean.begin(), mean.end(), 0.0);  // q'J
    const real* j = jacobians.data() + i * c * p;
    for (int64 k = 0; k < c; ++k) {
      q[static_cast<size_t>(k)] /= sum;
      for (int64 l = 0; l < p; ++l)
        mean[static_cast<size_t>(l)] += q[static_cast<size_t>(k)] * static_cast<double>(j[k * p + l]);
    }
    real* to = roots.mutable_data() + i * c * p;
    for (int64 k = 0; k < c; ++k)
      for (int64 l = 0; l < p; ++l)
        to[k * p + l] = static_cast<real>(std::sqrt(q[static_cast<size_t>(k)]) *
                                          (static_cast<double>(j[k * p + l]) - mean[static_cast<size_t>(l)]));
  }
  return roots;
}

Tensor in_row_space(const Tensor& roots) {
  if (roots.rank() != 3) fail<ShapeError>("row space: roots of shape {}", roots.shape().str());
  const int64 rows = roots.dim(0) * roots.dim(1);
  const Tensor all = roots.view({rows, roots.dim(2)});
  // The symmetric root of the Gram matrix has its inner products.
  const linalg::Eigen eigen = linalg::eigh(matmul(all, all, false, true));
  return linalg::spectral_function(eigen, [](double v) { return std::sqrt(std::max(v, 0.0)); })
      .view({roots.dim(0), roots.dim(1), rows});
}

InverseSteps inverse_steps(const Coherence& c, int64 batch_size) {
  const int64 n = c.s.dim(0);
  if (batch_size < 1 || batch_size > n)
    fail<UsageError>("SGD stability: batches of {} from {} examples", batch_size, n);
  const double noise = std::sqrt(static_cast<double>(n) / static_cast<double>(batch_size) - 1);
  return {c.top_eigenvalue / 2, c.top_eigenvalue * noise / c.coherence,
          c.max_example_eigenvalue * noise / static_cast<double>(n)};
}

SecondMoment::SecondMoment(const Tensor& hessians, double lr, int64 batch_size, const std::string& sampling)
    : hessians_(hessians) {
  check_hessians(hessians);
  const double n = static_cast<double>(hessians.dim(0)), b = static_cast<double>(batch_size);
  if (batch_size < 1 || (sampling != "with_replacement" && batch_size > hessians.dim(0)))
    fail<UsageError>("SGD stability: batches of {} from {} examples", batch_size, hessians.dim(0));
  if (sampling == "bernoulli") {
    each_ = lr * lr / (n * n) * (n / b - 1);
  } else if (sampling == "with_replacement") {
    each_ = lr * lr / (b * n);
    together_ = lr * lr / b;
  } else if (sampling == "without_replacement") {
    // Of one example there is one batch alone.
    each_ = hessians.dim(0) == 1 ? 0 : lr * lr * (n - b) / (b * n * (n - 1));
    together_ = n * each_;
  } else {
    throw UsageError(
        unknown_name("sampling", sampling, {"bernoulli", "with_replacement", "without_replacement"}));
  }
  mean_ = mean_matrix(hessians);
  contraction_ = linalg::identity(hessians.dim(1));
  add_times(-lr, mean_, contraction_);
}

Tensor SecondMoment::operator()(const Tensor& m) const {
  if (!(m.shape() == mean_.shape()))
    fail<ShapeError>("second moment: M {} for Hessians {}", m.shape().str(), hessians_.shape().str());
  Tensor next = matmul(matmul(contraction_, m), contraction_);
  if (each_ != 0)
    for (int64 i = 0; i < hessians_.dim(0); ++i) {
      const Tensor h = matrix_of(hessians_, i);
      linalg::matmul_into(next, 1, each_, matmul(h, m), h);
    }
  if (together_ != 0) linalg::matmul_into(next, 1, -together_, matmul(mean_, m), mean_);
  return next;
}

double SecondMoment::spectral_radius() const {
  const LinearOperator t = [this](std::span<const Tensor> m) { return std::vector<Tensor>{(*this)(m[0])}; };
  Rng rng(0);
  constexpr int kMostSteps = 300;
  return top_eigenvalues(t, {&mean_, 1}, 1, rng, {.max_steps = kMostSteps, .tolerance = 1e-9}).values[0];
}

Tensor bernoulli_step(const Tensor& hessians, const Tensor& w, const IntTensor& chosen, double lr,
                      int64 batch_size) {
  check_hessians(hessians);
  if (w.numel() != hessians.dim(1) || chosen.numel() != hessians.dim(0))
    fail<ShapeError>("bernoulli step: Hessians {}, w {}, {} examples", hessians.shape().str(),
                     w.shape().str(), chosen.numel());
  Tensor next = w.clone();
  const Tensor column = w.view({w.numel(), 1});
  for (int64 i = 0; i < chosen.numel(); ++i)
    if (chosen[i] != 0)
      add_times(-lr / static_cast<double>(batch_size), matmul(matrix_of(hessians, i), column), next);
  return next;
}

}  // namespace gradus
