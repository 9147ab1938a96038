#include "optim/elements.h"

#include <cmath>

namespace gradus {

double norm(const Tensor& t) { return std::sqrt(sum_of_squares(t)); }

// x * 0 is 0 for every number and NaN for an infinity or a NaN; the sum keeps any NaN.
bool all_finite(const Tensor& t) {
  return sum_elements(t, [](real x) { return static_cast<double>(x * real{0}); }) == 0;
}

}  // namespace gradus
