// The imaginary error function against 17-digit values (mpmath).
#include "core/erfi.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <utility>

using namespace gradus;

TEST_CASE("erfi: recorded values, odd, its derivative across the change of series") {
  const std::pair<double, double> table[] = {
      {1e-8, 1.1283791670955126e-8}, {0.3, 0.34894933875893618},
      {0.5, 0.61495209469651098},    {1 / std::numbers::sqrt2, 0.95343826925126084},
      {1, 1.6504257587975429},       {2, 18.564802414575553},
      {3, 1629.9946226015657},       {5, 8298273880.6768035},
      {6.1, 1355935690682236.5},     {7, 1.5534862534605040e20},
      {10, 1.5243074227086697e42},   {26, 8.3146371647309876e291}};
  for (const auto& [x, value] : table) {
    CAPTURE(x);
    CHECK(std::abs(erfi(x) - value) <= 1e-13 * value);
    CHECK(erfi(-x) == -erfi(x));
  }
  CHECK(erfi(0) == 0);
  CHECK(std::isinf(erfi(27)));
  CHECK(erfi(-27) < -1e300);
  const double h = 1e-6, slope = (erfi(6.5 + h) - erfi(6.5 - h)) / (2 * h);
  CHECK(std::abs(slope / (2 * std::numbers::inv_sqrtpi * std::exp(6.5 * 6.5)) - 1) < 1e-6);
}
