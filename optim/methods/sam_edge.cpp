#include "optim/methods/sam_edge.h"

#include <cmath>

#include "core/error.h"

namespace gradus {

double sam_edge(double lr, double rho) {
  if (!(lr > 0) || !(rho >= 0))
    fail<UsageError>("sam edge: lr {} and rho {}, needs lr > 0, rho >= 0", lr, rho);
  return 4 / (lr * (1 + std::sqrt(1 + 8 * rho / lr)));
}

double sam_edge_ratio(double lr, double rho, double eigenvalue) {
  return lr * eigenvalue * (1 + rho * eigenvalue) / 2;
}

}  // namespace gradus
