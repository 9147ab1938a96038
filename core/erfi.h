// The imaginary error function.
#pragma once

namespace gradus {

/// erfi(x) = -i erf(i x) = 2/sqrt(pi) * integral of exp(u^2) for u from 0 to x. Relative error below 1e-13; infinite
/// beyond |x| = 26.64.
double erfi(double x);

}  // namespace gradus
