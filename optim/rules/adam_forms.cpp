// Adam with another second moment: that of a matrix's rows and columns, or with eps under the root.
// Papers: Frans, Abbeel, Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000 (rank1);
//         Zhang, Zhou, Zou, "Convergence Guarantees for RMSProp and Adam in Generalized-smooth Non-convex Optimization
//         with Affine Noise Variance", TMLR 2025, arXiv 2404.01436 (eps_inside_root, bias_correction = false; eps: zeta).
//   m, v, mhat, vhat and decay as in adam.cpp
//   variance = rank1, for matrices:  V = r c'/mean(r), r, c running means of the row and column means of g^2, in place of v
//   eps_inside_root:                 w <- w - lr * mhat/sqrt(vhat + eps)
// The V of rank1's published code is n/m times too large for (m,n) matrices.
#include "optim/rules/adam.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {

void adam_rank1_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k) {
  const AdamScalars scalars(o, k);
  Tensor g = as_matrix(p.grad).clone(), u(g.shape());
  const Tensor weights = p.data;
  if (scalars.decay.l2 != 0)
    for_each_element(g, weights, [l2 = scalars.decay.l2](real& x, real w) { x += l2 * w; });
  for_each_element(u, s("m"), std::as_const(g),
                   [mean = Ema(o.beta1), c = real(1 / scalars.c1)](real& x, real& m, real y) {
                     m = mean(m, y);
                     x = c * m;
                   });
  divide_by_rank1(u, g, s, o.beta2, scalars.c2, o.eps);
  for_each_element(
      p.data, std::as_const(u),
      [keep = scalars.decay.keep, c = real(scalars.lr)](real& w, real d) { w = keep * w - c * d; });
}

void adam_inside_root_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k) {
  const AdamScalars scalars(o, k);
  const Decay decay = scalars.decay;
  const Ema first(o.beta1), second(o.beta2);
  const real step = real(scalars.lr / scalars.c1), square = real(1 / scalars.c2), eps = real(o.eps);
  for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
    g += decay.l2 * w;
    m = first(m, g);
    v = second(v, g * g);
    w *= decay.keep;
    w -= step * (m / std::sqrt(v * square + eps));
  });
}

}  // namespace gradus::rules
