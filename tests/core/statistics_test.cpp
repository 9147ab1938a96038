// Student's t against closed forms and 16-digit values (mpmath), confidence intervals by hand.
#include "core/statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"

using namespace gradus;

namespace {
void check_near(double value, double expected, double relative = 1e-10) {
  CAPTURE(value);
  CAPTURE(expected);
  CHECK(std::abs(value - expected) <= relative * std::abs(expected));
}
}  // namespace

TEST_CASE("incomplete beta: closed forms") {
  for (const double x : {0.0, 0.01, 0.3, 0.5, 0.77, 0.999, 1.0}) {
    check_near(incomplete_beta(1, 1, x), x);
    check_near(incomplete_beta(3.5, 1, x), std::pow(x, 3.5));
    check_near(incomplete_beta(1, 2.5, x), 1 - std::pow(1 - x, 2.5));
    check_near(incomplete_beta(2, 3, x), 6 * x * x - 8 * x * x * x + 3 * x * x * x * x);
    check_near(incomplete_beta(0.5, 0.5, x), 2 / std::numbers::pi * std::asin(std::sqrt(x)));
  }
  check_near(incomplete_beta(2.5, 0.5, 0.3), 0.01892712407194565);
  check_near(incomplete_beta(20, 30, 0.5), 0.923796114019261);
  check_near(incomplete_beta(0.5, 500, 0.001), 0.6826895526902826);
  CHECK_THROWS_AS(incomplete_beta(0, 1, 0.5), UsageError);
  CHECK_THROWS_AS(incomplete_beta(1, 1, 1.5), UsageError);
}

TEST_CASE("Student's t: closed forms and table values") {
  for (const double t : {-30.0, -2.0, -0.1, 0.0, 0.7, 3.0, 12.0}) {
    check_near(student_t_cdf(t, 1), 0.5 + std::atan(t) / std::numbers::pi);
    check_near(student_t_cdf(t, 2),
               t < 0 ? 1 / (2 + t * t - t * std::sqrt(2 + t * t)) : 0.5 + t / (2 * std::sqrt(2 + t * t)));
  }
  check_near(student_t_tail(8, 4), 0.0006619484546085839);
  check_near(student_t_tail(3.5, 2), 0.03641367502723467);
  check_near(student_t_tail(40, 5), 9.205981085886477e-8);
  check_near(student_t_tail(0.01, 7), 0.4961501588218109);
  check_near(student_t_quantile(0.95, 1), 6.313751514675043);
  check_near(student_t_quantile(0.95, 2), 2.919985580353726);
  check_near(student_t_quantile(0.95, 4), 2.13184678632665);
  check_near(student_t_quantile(0.975, 9), 2.262157162798206);
  check_near(student_t_quantile(0.95, 30), 1.697260886593958);
  check_near(student_t_quantile(0.999, 3), 10.21453185240739);
  check_near(student_t_quantile(0.9, 1000), 1.282398721460924);
  check_near(student_t_quantile(0.05, 4), -2.13184678632665);
  CHECK(std::abs(student_t_quantile(0.5, 3)) < 1e-12);
  CHECK_THROWS_AS(student_t_quantile(1, 3), UsageError);
}

TEST_CASE("mean and deviation, interval and p of a small sample") {
  const std::vector<double> v = {1, 2, 4, 5};
  CHECK(mean_of(v) == 3);
  check_near(deviation_of(v), std::sqrt(10.0 / 3));
  const MeanTest test(v);
  // 2.353363434801823 is the 95 % point of 3 degrees of freedom.
  check_near(test.half_width(), 2.353363434801823 * std::sqrt(10.0 / 3) / 2);
  check_near(test.p_greater(3), 0.5);
  check_near(test.p_greater(3 - test.half_width()), 0.05);
  check_near(test.p_greater(3 + test.half_width()), 0.95);
}

TEST_CASE("equal values have no deviation at all") {
  const std::vector<double> v(5, 0.1);
  const MeanTest test(v);
  CHECK(test.mean == 0.1);
  CHECK(test.deviation == 0);
  CHECK(test.half_width() == 0);
  CHECK(test.p_greater(0.05) == 0);
  CHECK(test.p_greater(0.2) == 1);
  CHECK_THROWS_AS(MeanTest(std::vector<double>{1}).half_width(), UsageError);
  CHECK_THROWS_AS(mean_of({}), UsageError);
}

TEST_CASE("the slope on logarithmic axes is the exponent") {
  std::vector<double> x, y;
  for (int i = 1; i <= 9; ++i) {
    x.push_back(i);
    y.push_back(3 * std::pow(i, -0.5));
  }
  check_near(log_log_slope(x, y), -0.5);
  CHECK_THROWS_AS(log_log_slope(std::vector<double>{1, 1}, std::vector<double>{2, 3}), UsageError);
}

TEST_CASE(
    "Kendall's tau counts pairs in the same and in the opposite order; ties leave the pairs of their list") {
  using Numbers = std::vector<double>;
  check_near(kendall_tau(Numbers{1, 2, 3, 4}, Numbers{1, 3, 2, 4}), 4 / 6.0);
  check_near(kendall_tau(Numbers{1, 2, 3, 4}, Numbers{4, 3, 2, 1}), -1);
  check_near(kendall_tau(Numbers{4, 2, 9}, Numbers{40, 20, 90}), 1);
  // Of the six pairs a ties one, b two (the second time one); the balance is -1 (4).
  check_near(kendall_tau(Numbers{1, 1, 2, 3}, Numbers{1, 2, 2, 1}), -1 / std::sqrt(5.0 * 4.0));
  check_near(kendall_tau(Numbers{1, 1, 2, 3}, Numbers{1, 2, 2, 3}), 4 / std::sqrt(5.0 * 5.0));
  CHECK(std::isnan(kendall_tau(Numbers{1, 1}, Numbers{1, 2})));
  CHECK_THROWS_AS(kendall_tau(Numbers{1}, Numbers{1, 2}), ShapeError);
}
