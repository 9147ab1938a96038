#include "core/erfi.h"

#include <cmath>
#include <numbers>

namespace gradus {

double erfi(double x) {
  const double square = x * x;
  if (std::abs(x) < 6.5) {
    // DLMF 7.6.1 at ix: 2/sqrt(pi) * sum of x^(2n+1)/(n! (2n+1)), whose terms have one sign.
    double power = x, sum = x;
    for (int n = 1; n < 400; ++n) {
      power *= square / n;
      const double term = power / (2 * n + 1);
      sum += term;
      if (std::abs(term) < 1e-17 * std::abs(sum)) break;
    }
    return 2 * std::numbers::inv_sqrtpi * sum;
  }
  // DLMF 7.12.1 at ix: exp(x^2)/(x sqrt(pi)) * (1 + 1/(2 x^2) + 1*3/(2 x^2)^2 + ...), to its smallest term.
  double term = 1, sum = 1;
  for (int n = 1; n < 40; ++n) {
    const double next = term * (2 * n - 1) / (2 * square);
    if (next >= term || next < 1e-17) break;
    term = next;
    sum += term;
  }
  return std::exp(square) / x * std::numbers::inv_sqrtpi * sum;
}

}  // namespace gradus
