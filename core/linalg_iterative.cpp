// The parts of linalg.h that need no factorisation: Newton-Schulz, power iteration, order statistics,
// k-means.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/blas.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus::linalg {
namespace {

double squares(const Tensor& t) {
  double sum = 0;
  for (real x : t.span()) sum += static_cast<double>(x) * static_cast<double>(x);
  return sum;
}

}  // namespace

std::vector<NewtonSchulzStep> newton_schulz_classic(int iterations) {
  return std::vector<NewtonSchulzStep>(static_cast<size_t>(iterations), {3.4445, -4.7750, 2.0315});
}

std::vector<NewtonSchulzStep> newton_schulz_per_iteration() {
  return {{4.0848, -6.8946, 2.9270},
          {3.9505, -6.3029, 2.6377},
          {3.7418, -5.5913, 2.3037},
          {2.8769, -3.1427, 1.2046},
          {2.8366, -3.0525, 1.2012}};
}

namespace {

// The iterations on A = X X' alone, for a G much longer than wide: X_k = P_k X_0 with P_k a polynomial of A_0, so that
// A_(k+1) = M A_k M and P_(k+1) = M P_k, M = a + b A_k + c A_k^2. All commute and are symmetric.
Tensor newton_schulz_by_gram(const Tensor& g, std::span<const NewtonSchulzStep> steps) {
  const bool tall = g.dim(0) > g.dim(1);
  const int64 m = std::min(g.dim(0), g.dim(1));
  Tensor a({m, m}), next({m, m}), polynomial({m, m}), product({m, m});
  symmetric_product_into(a, 0, 1, g, g, tall, !tall);
  double trace = 0;
  for (int64 i = 0; i < m; ++i) trace += static_cast<double>(a.data()[i * m + i]);
  const double scale = 1 / (std::sqrt(trace) + 1e-8);
  real* entries = a.mutable_data();
  for (int64 i = 0; i < a.numel(); ++i)
    entries[i] = static_cast<real>(static_cast<double>(entries[i]) * scale * scale);
  for (size_t k = 0; k < steps.size(); ++k) {
    const auto& [c0, c1, c2] = steps[k];
    polynomial.copy_from(a);
    symmetric_product_into(polynomial, c1, c2, a, a);
    real* diagonal = polynomial.mutable_data();
    for (int64 i = 0; i < m; ++i) diagonal[i * m + i] += static_cast<real>(c0);
    if (k == 0) {
      product.copy_from(polynomial);
    } else {
      symmetric_product_into(next, 0, 1, polynomial, product);
      std::swap(next, product);
    }
    if (k + 1 == steps.size()) break;
    symmetric_product_into(next, 0, 1, polynomial, a);
    symmetric_product_into(a, 0, 1, next, polynomial);
  }
  if (steps.empty()) product = identity(m);
  Tensor out(g.shape());
  matmul_into(out, 0, scale, tall ? g : product, tall ? product : g);
  return out;
}

}  // namespace

Tensor newton_schulz(const Tensor& g, std::span<const NewtonSchulzStep> steps) {
  if (g.rank() != 2) fail<ShapeError>("newton_schulz: needs a matrix, not shape {}", g.shape().str());
  if (std::max(g.dim(0), g.dim(1)) >= 2 * std::min(g.dim(0), g.dim(1)) && g.numel() > 0)
    return newton_schulz_by_gram(g, steps);
  const bool tall = g.dim(0) > g.dim(1);
  Tensor x = tall ? transpose(g) : g.clone();
  const int64 m = x.dim(0), n = x.dim(1);
  const real scale = static_cast<real>(1 / (std::sqrt(squares(x)) + 1e-8));
  real* p = x.mutable_data();
  for (int64 i = 0; i < x.numel(); ++i) p[i] *= scale;
  Tensor gram({m, m}), poly({m, m}), next({m, n});
  for (const auto& [a, b, c] : steps) {
    symmetric_product_into(gram, 0, 1, x, x, false, true);  // A = X X'
    poly.copy_from(gram);
    symmetric_product_into(poly, b, c, gram, gram);  // b A + c A A
    next.copy_from(x);
    matmul_into(next, a, 1, poly, x);
    std::swap(x, next);
  }
  return tall ? transpose(x) : x;
}

double power_iteration(const std::function<Tensor(const Tensor&)>& apply, Tensor& x, int iterations,
                       double tolerance) {
  double value = 0;
  const auto normalise = [&x](const Tensor& y) {
    const double length = std::sqrt(squares(y));
    if (!(length > 0) || !std::isfinite(length)) return false;
    Tensor unit(y.shape());
    real* to = unit.mutable_data();
    for (int64 i = 0; i < y.numel(); ++i)
      to[i] = static_cast<real>(static_cast<double>(y.data()[i]) / length);
    x = unit;
    return true;
  };
  if (!normalise(x)) fail<NumericError>("power iteration: the start must be finite and not zero");
  for (int k = 0; k < iterations; ++k) {
    const Tensor y = apply(x);
    double quotient = 0;
    for (int64 i = 0; i < x.numel(); ++i)
      quotient += static_cast<double>(x.data()[i]) * static_cast<double>(y.data()[i]);
    if (!std::isfinite(quotient))
      fail<NumericError>("power iteration: the operator gave a value that is not finite");
    const bool settled = k > 0 && std::abs(quotient - value) <= tolerance * std::abs(quotient);
    value = quotient;
    if (!normalise(y) || settled) break;  // A x = 0: x is an eigenvector of 0
  }
  return value;
}

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) fail<UsageError>("quantile of no values");
  if (!(q >= 0 && q <= 1)) fail<UsageError>("quantile: {} is not in 0..1", q);
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
    return std::numeric_limits<double>::quiet_NaN();  // NaN has no place in an order
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), values.begin() + low, values.end());
  const double below = values[static_cast<size_t>(low)], share = rank - static_cast<double>(low);
  if (share == 0) return below;
  const double above = *std::min_element(values.begin() + low + 1, values.end());
  return below + share * (above - below);
}

double median(std::vector<double>& values) { return quantile(values, 0.5); }

Clusters kmeans_1d(std::span<const double> values, int k) {
  if (k < 1) fail<UsageError>("k-means: needs at least one cluster, not {}", k);
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
    fail<NumericError>("k-means: a value is NaN");
  Clusters found;
  const size_t n = values.size(), clusters = static_cast<size_t>(k);
  found.labels.assign(n, 0);
  if (n == 0) {
    found.centres.assign(clusters, 0);
    return found;
  }
  // Sorted once, a cluster is a range: a round costs k binary searches.
  std::vector<double> sorted(values.begin(), values.end()), prefix(n + 1, 0);
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < n; ++i) prefix[i + 1] = prefix[i] + sorted[i];
  for (int c = 0; c < k; ++c) {
    const double rank = (2 * c + 1) / (2.0 * k) * static_cast<double>(n - 1);
    const auto low = static_cast<size_t>(rank);
    const double above = sorted[std::min(low + 1, n - 1)];
    found.centres.push_back(sorted[low] + (rank - static_cast<double>(low)) * (above - sorted[low]));
  }
  // ends[c]: one past the last sorted value of cluster c. A value in the middle of two centres goes to the
  // lower.
  const auto boundaries = [&] {
    std::vector<size_t> ends(clusters, n);
    for (size_t c = 0; c + 1 < clusters; ++c) {
      const double middle = 0.5 * (found.centres[c] + found.centres[c + 1]);
      ends[c] = static_cast<size_t>(std::upper_bound(sorted.begin(), sorted.end(), middle) - sorted.begin());
    }
    return ends;
  };
  std::vector<size_t> ends = boundaries();
  for (int round = 0; round < 100; ++round) {
    for (size_t c = 0, begin = 0; c < clusters; begin = std::max(begin, ends[c]), ++c)
      if (ends[c] > begin)
        found.centres[c] = (prefix[ends[c]] - prefix[begin]) / static_cast<double>(ends[c] - begin);
    const std::vector<size_t> next = boundaries();
    if (next == ends) break;
    ends = next;
  }
  std::vector<double> tops;  // the largest value of clusters 0..c
  for (size_t c = 0; c + 1 < clusters; ++c) tops.push_back(0.5 * (found.centres[c] + found.centres[c + 1]));
  for (size_t i = 0; i < n; ++i)
    found.labels[i] = static_cast<int>(std::lower_bound(tops.begin(), tops.end(), values[i]) - tops.begin());
  return found;
}

}  // namespace gradus::linalg
