#include "data/selection/complexity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace gradus {
namespace {

// L of A = L L' in place, a lower triangle row by row; matrices this small take longer to hand over than to factor.
void factor(std::vector<double>& a, size_t d) {
  for (size_t j = 0; j < d; ++j)
    for (size_t i = j; i < d; ++i) {
      double s = a[i * d + j];
      for (size_t k = 0; k < j; ++k) s -= a[i * d + k] * a[j * d + k];
      if (i == j && !(s > 0)) fail<NumericError>("complexity: the design of {} dimensions is singular", d);
      a[i * d + j] = i == j ? std::sqrt(s) : s / a[j * d + j];
    }
}

// A^-1 b from it.
std::vector<double> solved(const std::vector<double>& l, size_t d, const double* b) {
  std::vector<double> x(b, b + d);
  for (size_t i = 0; i < d; ++i) {
    for (size_t k = 0; k < i; ++k) x[i] -= l[i * d + k] * x[k];
    x[i] /= l[i * d + i];
  }
  for (size_t i = d; i-- > 0;) {
    for (size_t k = i + 1; k < d; ++k) x[i] -= l[k * d + i] * x[k];
    x[i] /= l[i * d + i];
  }
  return x;
}

double product(const double* a, const double* b, size_t d) {
  double sum = 0;
  for (size_t i = 0; i < d; ++i) sum += a[i] * b[i];
  return sum;
}

void normalise(std::vector<double>& w) {
  double sum = 0;
  for (const double x : w) sum += x;
  if (sum > 0)
    for (double& x : w) x /= sum;
}

// f_z of every hypothesis but the best at a design, and what x_i' A^-1 y_z is there.
struct Design {
  const std::vector<double>&x, &y, &gap;  // (n,d), (Z,d), (Z)
  size_t d;
  double ridge;
  std::vector<double> f, inner;  // (Z), (Z,n)
  double worst = 0;

  void at(const std::vector<double>& lambda) {
    const size_t n = lambda.size(), count = gap.size();
    std::vector<double> a(d * d, 0);
    for (size_t i = 0; i < n; ++i)
      for (size_t p = 0; p < d; ++p)
        for (size_t q = 0; q < d; ++q) a[p * d + q] += lambda[i] * x[i * d + p] * x[i * d + q];
    for (size_t p = 0; p < d; ++p) a[p * d + p] += ridge;
    factor(a, d);
    f.assign(count, 0), inner.assign(count * n, 0);
    worst = 0;
    for (size_t z = 0; z < count; ++z) {
      const std::vector<double> v = solved(a, d, &y[z * d]);
      f[z] = product(&y[z * d], v.data(), d) / (gap[z] * gap[z]);
      worst = std::max(worst, f[z]);
      for (size_t i = 0; i < n; ++i) inner[z * n + i] = product(&x[i * d], v.data(), d);
    }
  }
};

}  // namespace

Complexity exploration_complexity(const Tensor& queries, const Tensor& hypotheses,
                                  std::span<const double> theta, int64 iterations, double ridge) {
  if (queries.rank() != 2 || hypotheses.rank() != 2 || queries.dim(1) != std::ssize(theta) ||
      hypotheses.dim(1) != std::ssize(theta) || hypotheses.dim(0) < 1 || queries.dim(0) < 1)
    fail<ShapeError>("complexity: queries {}, hypotheses {}, theta of {} numbers", queries.shape().str(),
                     hypotheses.shape().str(), theta.size());
  const size_t n = static_cast<size_t>(queries.dim(0)), m = static_cast<size_t>(hypotheses.dim(0)),
               d = theta.size();
  const std::vector<double> x(queries.span().begin(), queries.span().end()),
      hypothesis(hypotheses.span().begin(), hypotheses.span().end());
  Complexity out;
  std::vector<double> reward;
  for (size_t z = 0; z < m; ++z) reward.push_back(product(&hypothesis[z * d], theta.data(), d));
  const auto best = static_cast<size_t>(std::max_element(reward.begin(), reward.end()) - reward.begin());
  out.best = static_cast<int64>(best);
  std::vector<double> lambda(n, 1 / static_cast<double>(n)), sum(n, 0), y, gap;
  out.allocation = lambda;
  for (size_t z = 0; z < m; ++z) {
    if (z == best) continue;
    for (size_t i = 0; i < d; ++i) y.push_back(hypothesis[best * d + i] - hypothesis[z * d + i]);
    gap.push_back(product(&y[y.size() - d], theta.data(), d));
    if (!(gap.back() > 0)) {
      out.value = std::numeric_limits<double>::infinity();
      return out;
    }
  }
  if (gap.empty()) return out;
  out.value = std::numeric_limits<double>::infinity();
  std::vector<double> w(gap.size(), 1 / static_cast<double>(gap.size()));
  Design design{x, y, gap, d, ridge, {}, {}}, mean = design;
  for (int64 k = 0; k < iterations; ++k) {
    const auto steps = static_cast<double>(k + 1);
    design.at(lambda);
    out.value = std::min(out.value, design.worst);
    for (size_t z = 0; z < w.size(); ++z)
      w[z] *= std::exp((design.f[z] / design.worst - 1) / std::sqrt(steps));
    normalise(w);
    for (size_t i = 0; i < n; ++i) {
      double pull = 0;
      for (size_t z = 0; z < w.size(); ++z) {
        const double part = design.inner[z * n + i] / gap[z];
        pull += w[z] * part * part;
      }
      lambda[i] *= std::sqrt(pull);
    }
    normalise(lambda);
    std::vector<double> running(n);
    for (size_t i = 0; i < n; ++i) running[i] = (sum[i] += lambda[i]) / steps;
    mean.at(running);
    out.value = std::min(out.value, mean.worst);
    out.allocation = std::move(running);
  }
  return out;
}

}  // namespace gradus
