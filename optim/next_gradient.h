// The next gradient guessed from the last ones: regularised minimal polynomial extrapolation of a sequence of gradients.
// Scieur, d'Aspremont, Bach, "Regularized Nonlinear Acceleration", NIPS 2016, arXiv 1606.04133; on gradients: Wang, Li,
// Karimi, Li, ACML 2021, arXiv 1903.01435, Algorithm 3.
#pragma once

#include "optim/state.h"

namespace gradus {

/// Takes in g and, once r+1 gradients are known, writes the guess of the next one to `guess`: with the differences U of
/// successive gradients, (U'U + reg*I) z = 1 (relative: reg*trace(U'U)), c = z/sum(z), the sum of c_i times the later
/// end of difference i. Keeps the gradients and U'U in the state (slots ring.*, numbers gram.*).
void extrapolate_gradient(State& s, int64 r, double reg, bool relative, const Tensor& g, Tensor& guess);

}  // namespace gradus
