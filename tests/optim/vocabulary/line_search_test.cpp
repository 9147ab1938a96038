// Line searches on functions whose minimisers are known.
#include "optim/vocabulary/line_search.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace gradus;

namespace {

using Phi = std::function<LinePoint(double)>;

LinePoint at(double a, double value, double slope) { return {a, value, slope}; }

// Both conditions at the point found.
void check_wolfe(const Phi& phi, const LineSearchResult& r, const WolfeOptions& o) {
  const LinePoint start = phi(0);
  CHECK(r.converged);
  CHECK(r.point.a > 0);
  CHECK(r.point.value == phi(r.point.a).value);
  CHECK(r.point.value <= start.value + o.decrease * r.point.a * start.slope);
  CHECK(std::abs(r.point.slope) <= o.curvature * std::abs(start.slope));
}

}  // namespace

TEST_CASE("line search: the minimiser of a cubic through two points") {
  // a^3 - 3a has its minimum at 1, from whichever side.
  const LinePoint p = at(0, 0, -3), q = at(2, 2, 9);
  CHECK(std::abs(cubic_minimizer(p, q, 0, 2) - 1) < 1e-14);
  CHECK(std::abs(cubic_minimizer(q, p, 0, 2) - 1) < 1e-14);
  // Kept between the bounds; the middle where there is no minimum (a straight line) and for what is not finite.
  CHECK(cubic_minimizer(p, q, 1.5, 2) == 1.5);
  CHECK(cubic_minimizer(p, q, 0, 0.5) == 0.5);
  CHECK(cubic_minimizer(at(0, 0, -1), at(1, -1, -1), 0, 4) == 2);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CHECK(cubic_minimizer(p, at(2, kInfinity, kInfinity), 0, 2) == 1);
  // A parabola's is exact: 1/2 (a-3)^2.
  CHECK(std::abs(cubic_minimizer(at(0, 4.5, -3), at(1, 2, -2), 0, 10) - 3) < 1e-12);
}

TEST_CASE("line search: the strong Wolfe conditions hold from steps far too short and far too long") {
  // Functions 1 to 3 of More, Thuente, "Line Search Algorithms with Guaranteed Sufficient Decrease", 1994.
  const std::vector<Phi> functions = {
      [](double a) { return at(a, -a / (a * a + 2), (a * a - 2) / ((a * a + 2) * (a * a + 2))); },
      [](double a) {
        const double x = a + 0.004;
        return at(a, std::pow(x, 5) - 2 * std::pow(x, 4), 5 * std::pow(x, 4) - 8 * std::pow(x, 3));
      },
      [](double a) {
        const double b = 0.01, l = 39, w = l * M_PI / 2, s = 2 * (1 - b) / (l * M_PI);
        const bool left = a <= 1 - b, right = a >= 1 + b;
        const double body = left ? 1 - a : right ? a - 1 : (a - 1) * (a - 1) / (2 * b) + b / 2;
        const double slope = left ? -1 : right ? 1 : (a - 1) / b;
        return at(a, body + s * std::sin(w * a), slope + s * w * std::cos(w * a));
      }};
  for (size_t i = 0; i < functions.size(); ++i) {
    CAPTURE(i);
    for (const double first : {1e-3, 0.1, 1.0, 10.0, 1e3})
      for (const WolfeOptions& o : {WolfeOptions{}, WolfeOptions{.decrease = 1e-2, .curvature = 0.3}}) {
        CAPTURE(first);
        const LineSearchResult r = strong_wolfe(functions[i], functions[i](0), first, o);
        check_wolfe(functions[i], r, o);
        CHECK(r.evaluations <= 25);
      }
  }
  // A step that meets both conditions is taken as it is, with one evaluation.
  const Phi bowl = [](double a) { return at(a, 0.5 * (a - 3) * (a - 3), a - 3); };
  const LineSearchResult r = strong_wolfe(bowl, bowl(0), 2);
  CHECK(r.point.a == 2);
  CHECK(r.evaluations == 1);
  // With a sharp curvature condition the parabola's minimum is found by one interpolation.
  const LineSearchResult sharp = strong_wolfe(bowl, bowl(0), 5, {.curvature = 1e-3});
  CHECK(std::abs(sharp.point.a - 3) < 1e-12);
  CHECK(sharp.evaluations == 2);
}

TEST_CASE("line search: where the function ends, where it only rises, and where evaluations run out") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Phi wall = [](double a) {
    return a < 1.5 ? at(a, 0.5 * (a - 1) * (a - 1), a - 1) : at(a, kInfinity, kInfinity);
  };
  const LineSearchResult r = strong_wolfe(wall, wall(0), 100, {.curvature = 0.1});
  check_wolfe(wall, r, {.curvature = 0.1});
  const Phi nan = [](double a) { return a == 0 ? at(0, 0, -1) : at(a, std::nan(""), std::nan("")); };
  CHECK(strong_wolfe(nan, nan(0), 1).point.a == 0);
  CHECK(strong_wolfe(nan, nan(0), 1).evaluations == 25);
  // A slope that lies: the function rises. Nothing is found, and the start is returned.
  const Phi rising = [](double a) { return at(a, a, a == 0 ? -1 : 1); };
  const LineSearchResult none = strong_wolfe(rising, rising(0), 1, {.width = 1e-3});
  CHECK(none.point.a == 0);
  CHECK(!none.converged);
  CHECK(none.evaluations < 15);
  // A line that falls for ever: steps grow, at most tenfold, until the evaluations are used up.
  std::vector<double> tried;
  const Phi falling = [&](double a) {
    tried.push_back(a);
    return at(a, -a, -1);
  };
  const LineSearchResult far = strong_wolfe(falling, at(0, 0, -1), 1, {.evaluations = 4});
  CHECK(far.evaluations == 4);
  CHECK(far.point.a == tried.back());
  REQUIRE(tried.size() == 4);
  for (size_t i = 1; i < 4; ++i) {
    CHECK(tried[i] > tried[i - 1]);
    CHECK(tried[i] <= 10 * tried[i - 1]);
  }
}

TEST_CASE("line search: of the points tried in a bracket the lowest is returned, not the last") {
  // Too high; low, and still steep; higher again, though below the start.
  const std::vector<double> values{1, -10, -5};
  size_t next = 0;
  const Phi scripted = [&](double a) {
    const double value = values.at(next++);
    return at(a, value, value > 0 ? 5 : -0.95);
  };
  const LineSearchResult r = strong_wolfe(scripted, at(0, 0, -1), 10, {.evaluations = 3});
  CHECK(r.point.value == -10);
  CHECK(r.evaluations == 3);
  CHECK(!r.converged);
}
