// Means, deviations and Student's t: what a comparison over a few seeds needs.
#pragma once

#include <span>

#include "core/real.h"

namespace gradus {

/// Of at least one value. Throws UsageError for none.
double mean_of(std::span<const double> values);
/// Standard deviation with n-1; 0 for one value, and exactly 0 where all are equal.
double deviation_of(std::span<const double> values);

/// I_x(a,b), the regularised incomplete beta function: continued fraction of DLMF 8.17.22 by Lentz's method. a, b > 0,
/// 0 <= x <= 1; throws UsageError for others. Relative error below 1e-12 for a, b <= 1e4.
double incomplete_beta(double a, double b, double x);

/// P(T > t) for Student's t with df > 0 degrees of freedom, exact to its last digits in both tails.
double student_t_tail(double t, double df);
inline double student_t_cdf(double t, double df) { return student_t_tail(-t, df); }
/// The t with P(T <= t) = p, 0 < p < 1.
double student_t_quantile(double p, double df);

/// P(Z <= x) of a standard normal Z, and the x with P(Z <= x) = p, 0 <= p <= 1 (infinite at the ends; throws UsageError outside).
/// Relative error of either below 1e-13 in the lower tail.
double normal_cdf(double x);
double normal_quantile(double p);

/// What a few values say of the mean of their distribution.
struct MeanTest {
  double mean = 0, deviation = 0;
  int64 count = 0;

  explicit MeanTest(std::span<const double> values);
  /// Half the width of the two-sided confidence interval of this level: 0.90 gives the one-sided 95 % bounds. 0 where all
  /// values are equal. Throws UsageError for one value alone.
  double half_width(double level = 0.90) const;
  /// Of the one-sided t-test of "the mean is greater than `threshold`"; 0 or 1 where all values are equal (1/2 on the
  /// threshold).
  double p_greater(double threshold) const;
};

/// Least-squares slope of log y over log x over the points where both are positive. Throws UsageError for fewer than two
/// different x.
double log_log_slope(std::span<const double> x, std::span<const double> y);

/// Kendall's rank correlation, the form tau-b that counts ties: (concordant - discordant pairs)/sqrt((pairs not tied in a) *
/// (pairs not tied in b)); NaN where all of a or all of b are equal. Throws ShapeError for lists of different lengths.
/// Kendall, Biometrika 33(3), 1945.
double kendall_tau(std::span<const double> a, std::span<const double> b);

}  // namespace gradus
