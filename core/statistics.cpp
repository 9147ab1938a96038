#include "core/statistics.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "core/error.h"

namespace gradus {
namespace {

// The continued fraction 1/(1 + d1/(1 + d2/(1 + ...))), which converges fast for x < (a+1)/(a+b+2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr int kMost = 100000;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double value = d;
  const auto multiply = [&](double term) {
    d = 1 + term * d;
    c = 1 + term / c;
    if (std::abs(d) < kTiny) d = kTiny;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    value *= c * d;
    return std::abs(c * d - 1);
  };
  for (int i = 1; i <= kMost; ++i) {
    const double m = i;
    multiply(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    if (multiply(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))) < 1e-16) break;
  }
  return value;
}

// x^a * (1-x)^b / (a * B(a,b)), from y = 1 - x, which may be known more exactly.
double beta_front(double a, double b, double x, double y) {
  return std::exp(a * std::log(x) + b * std::log(y) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b)) /
         a;
}

double incomplete_beta(double a, double b, double x, double y) {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x < (a + 1) / (a + b + 2)) return beta_front(a, b, x, y) * beta_fraction(a, b, x);
  return 1 - beta_front(b, a, y, x) * beta_fraction(b, a, y);
}

double student_t_density(double t, double df) {
  return std::exp(std::lgamma((df + 1) / 2) - std::lgamma(df / 2) - (df + 1) / 2 * std::log1p(t * t / df)) /
         std::sqrt(df * std::numbers::pi);
}

bool all_equal(std::span<const double> values) {
  for (const double v : values)
    if (v != values[0]) return false;
  return true;
}

}  // namespace

double mean_of(std::span<const double> values) {
  if (values.empty()) fail<UsageError>("the mean of no values");
  if (all_equal(values)) return values[0];
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  if (values.size() < 2 || all_equal(values)) return 0;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double incomplete_beta(double a, double b, double x) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1))
    fail<UsageError>("incomplete beta: needs a, b > 0 and 0 <= x <= 1, not {}, {}, {}", a, b, x);
  return incomplete_beta(a, b, x, 1 - x);
}

double student_t_tail(double t, double df) {
  if (!(df > 0)) fail<UsageError>("Student's t: needs degrees of freedom > 0, not {}", df);
  if (std::isnan(t)) return t;
  if (std::isinf(t)) return t > 0 ? 0 : 1;
  const double whole = df + t * t;
  const double outside = incomplete_beta(df / 2, 0.5, df / whole, t * t / whole) / 2;
  return t > 0 ? outside : 1 - outside;
}

double student_t_quantile(double p, double df) {
  if (!(p > 0 && p < 1)) fail<UsageError>("Student's t: needs a probability between 0 and 1, not {}", p);
  if (p < 0.5) return -student_t_quantile(1 - p, df);
  const double tail = 1 - p;
  double low = 0, high = 1;
  while (student_t_tail(high, df) > tail) low = high, high *= 2;
  double t = (low + high) / 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double excess = student_t_tail(t, df) - tail;
    (excess > 0 ? low : high) = t;
    // Newton's step, or half the bracket where it would leave it.
    double next = t + excess / student_t_density(t, df);
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (next == t || std::abs(next - t) < 1e-15 * std::abs(t)) return next;
    t = next;
  }
  return t;
}

double normal_cdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

double normal_quantile(double p) {
  if (!(p >= 0 && p <= 1))
    fail<UsageError>("a normal quantile needs a probability between 0 and 1, not {}", p);
  if (p > 0.5) return -normal_quantile(1 - p);
  if (p == 0) return -std::numeric_limits<double>::infinity();
  // Abramowitz, Stegun, "Handbook of Mathematical Functions", 26.2.23, good to 4.5e-4; each of Halley's steps cubes the error.
  const double t = std::sqrt(-2 * std::log(p));
  double x =
      (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (int i = 0; i < 3; ++i) {
    const double newton = (normal_cdf(x) - p) * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
    x -= newton / (1 + x * newton / 2);
  }
  return x;
}

MeanTest::MeanTest(std::span<const double> values)
    : mean(mean_of(values)), deviation(deviation_of(values)), count(static_cast<int64>(values.size())) {}

double MeanTest::half_width(double level) const {
  if (count < 2) fail<UsageError>("a confidence interval needs two values or more");
  if (deviation == 0) return 0;
  return student_t_quantile((1 + level) / 2, static_cast<double>(count - 1)) * deviation /
         std::sqrt(static_cast<double>(count));
}

double MeanTest::p_greater(double threshold) const {
  if (count < 2) fail<UsageError>("a t-test needs two values or more");
  if (deviation == 0) return mean > threshold ? 0 : mean < threshold ? 1 : 0.5;
  return student_t_tail((mean - threshold) / deviation * std::sqrt(static_cast<double>(count)),
                        static_cast<double>(count - 1));
}

double log_log_slope(std::span<const double> x, std::span<const double> y) {
  std::vector<double> u, v;
  for (size_t i = 0; i < x.size() && i < y.size(); ++i)
    if (x[i] > 0 && y[i] > 0) {
      u.push_back(std::log(x[i]));
      v.push_back(std::log(y[i]));
    }
  if (u.size() < 2 || all_equal(u)) fail<UsageError>("a slope needs positive values at two different x");
  const double mu = mean_of(u), mv = mean_of(v);
  double uu = 0, uv = 0;
  for (size_t i = 0; i < u.size(); ++i) {
    uu += (u[i] - mu) * (u[i] - mu);
    uv += (u[i] - mu) * (v[i] - mv);
  }
  return uv / uu;
}

double kendall_tau(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) fail<ShapeError>("Kendall's tau: {} values and {}", a.size(), b.size());
  double balance = 0, untied_a = 0, untied_b = 0;
  const auto order = [](double x, double y) { return x < y ? -1 : x > y ? 1 : 0; };
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const int by_a = order(a[j], a[i]), by_b = order(b[j], b[i]);
      balance += by_a * by_b;
      untied_a += by_a != 0;
      untied_b += by_b != 0;
    }
  return balance / std::sqrt(untied_a * untied_b);
}

}  // namespace gradus
