#include "optim/estimators/guess_projection.h"

#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/elements.h"

namespace gradus {
namespace {

double inner_product(const Tensor& a, const Tensor& b) {
  return sum_elements(a, b, [](real x, real y) { return static_cast<double>(x) * static_cast<double>(y); });
}

Tensor scaled(const Tensor& x, double factor) {
  Tensor y(x.shape());
  for_each_element(y, x, [c = static_cast<real>(factor)](real& out, real in) { out = c * in; });
  return y;
}

double length_ratio(double tg, double gg, double eps) { return gg + eps > 0 ? tg / (gg + eps) : 0; }

// Sum over the first axis.
Tensor sum_of_rows(const Tensor& x, const Shape& row) {
  Tensor total = Tensor::zeros(row);
  for (int64 n = 0; n < x.dim(0); ++n)
    for_each_element(total, std::as_const(x).rows(n, n + 1).view(row), [](real& s, real v) { s += v; });
  return total;
}

// The rows of target (N,D) projected on the span of those of guess: along the right singular vectors whose singular values are
// more than rounding.
Tensor on_span(const Tensor& target, const Tensor& guess) {
  const linalg::Svd svd = linalg::svd(guess);
  const double largest = svd.s.numel() ? static_cast<double>(svd.s.data()[0]) : 0,
               rounding = static_cast<double>(std::max(guess.dim(0), guess.dim(1))) *
                          static_cast<double>(std::numeric_limits<real>::epsilon());
  int64 rank = 0;
  while (rank < svd.s.numel() && static_cast<double>(svd.s.data()[rank]) > rounding * largest) ++rank;
  if (rank == 0) return Tensor::zeros(target.shape());
  const Tensor basis = svd.vt.rows(0, rank);
  return linalg::matmul(linalg::matmul(target, basis, false, true), basis);
}

}  // namespace

Tensor projected(const Tensor& target, const Tensor& guess, double eps) {
  if (!(target.shape() == guess.shape()))
    fail<ShapeError>("guess projection: a target of shape {}, a guess of {}", target.shape().str(),
                     guess.shape().str());
  return scaled(guess, length_ratio(inner_product(target, guess), inner_product(guess, guess), eps));
}

double guess_cosine(const Tensor& target, const Tensor& guess) {
  const double lengths = std::sqrt(inner_product(target, target)) * std::sqrt(inner_product(guess, guess));
  return lengths > 0 ? inner_product(target, guess) / lengths : 0;
}

GuessProjection guess_projection(const Tensor& target, const Tensor& guess, const GuessProjectionOptions& o) {
  if (!(target.shape() == guess.shape()) || target.rank() < 1 || target.dim(0) < 1)
    fail<ShapeError>("guess projection: targets of shape {} and guesses of {}, expected (N, ...) for both",
                     target.shape().str(), guess.shape().str());
  const int64 samples = target.dim(0), size = target.numel() / samples;
  const Shape row(std::vector<int64>(target.shape().begin() + 1, target.shape().end()));
  if (o.mode == "avg-weight")
    return {{}, projected(sum_of_rows(target, row), sum_of_rows(guess, row), o.eps)};
  GuessProjection out;
  if (o.mode == "span-weight") {
    out.per_sample = on_span(target.view({samples, size}), guess.view({samples, size})).view(target.shape());
  } else {
    out.per_sample = Tensor(target.shape());
    for (int64 n = 0; n < samples; ++n) {
      const Tensor t = target.rows(n, n + 1), g = guess.rows(n, n + 1);
      const double tg = inner_product(t, g);
      const double c = o.mode == "random-weight" ? tg
                       : o.mode == "sign-weight" ? static_cast<double>((tg > 0) - (tg < 0))
                                                 : length_ratio(tg, inner_product(g, g), o.eps);
      Tensor p = out.per_sample.rows(n, n + 1);
      for_each_element(p, g, [c = static_cast<real>(c)](real& to, real v) { to = c * v; });
    }
  }
  out.grad = sum_of_rows(out.per_sample, row);
  return out;
}

}  // namespace gradus
