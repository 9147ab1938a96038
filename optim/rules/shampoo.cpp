// Shampoo: the momentum between inverse fourth roots of the gradient's two covariances.
// Papers: Gupta, Koren, Singer, "Shampoo", ICML 2018, arXiv 1802.09568; in the form of Frans, Abbeel, Levine, "What
//         Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000.
//   M = beta1*M + (1-beta1)*G;   Mh = M/(1-beta1^t)                 G is (m,n)
//   U = PL Mh PR * mean(sqrt(diag L))                    L before this step: U = 0 at t = 1
//   W <- W - lr*(U + weight_decay*W)
//   L = beta2*L + (1-beta2)*G G'/n;   R = beta2*R + (1-beta2)*G' G/m
//   at t = 1 and t % update_every == 0:  PL = (L/(1-beta2^t))^(-1/4), PR likewise; I before
// Eigenvalues below eig_floor times the largest are raised to it: of a matrix that is not square the first inverts
// rounding noise else. (The code also divides G by Adam's root first; here the canonical form.) A side longer than
// max_dim keeps the identity and the other takes the power -1/2; with both too long a matrix goes to the companion.
// spread: matrix i of n has its new roots update_every*i/n steps before.
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

struct Shampoo {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, weight_decay = 0, eig_floor = 1e-5;
    int64 update_every = 10, max_dim = 2048;
    bool spread = false;
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the covariances", decay_rate());
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      f("update_every", update_every, "steps between new roots", at_least(1));
      f("eig_floor", eig_floor, "smallest eigenvalue that counts, relative to the largest", positive());
      f("max_dim", max_dim, "longest side that is preconditioned", at_least(1));
      f("spread", spread, "renew the roots of one matrix after the other, in place of all at one step");
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static Tensor root(const Tensor& a, double power, double correction, double floor) {
    const linalg::Eigen eigen = linalg::eigh(a);
    double top = 0;
    for (real x : eigen.values.span()) top = std::max(top, static_cast<double>(x));
    if (!(top > 0)) return linalg::identity(a.dim(0));  // no gradient so far
    return linalg::spectral_function(
        eigen, [=](double x) { return 1 / (std::pow(std::max(x, floor * top) / correction, power) + 1e-8); });
  }

  // Mean of the roots of the diagonal.
  static double spread(const Tensor& a) {
    double sum = 0;
    for (int64 i = 0; i < a.dim(0); ++i) sum += std::sqrt(static_cast<double>(a.data()[i * a.dim(0) + i]));
    return sum / static_cast<double>(a.dim(0));
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 m = p.rows(), n = p.cols();
    if (!takes_matrix(p) || (m > o.max_dim && n > o.max_dim)) return companion_step(p, s, o, k);
    TwoSided sides(s, m, n, o.max_dim);
    const Tensor g = as_matrix(p.grad);
    const double scale = spread(sides.left ? sides.l() : sides.r()) / bias_correction(o.beta1, k.t);
    Tensor u = looked_ahead(p, momentum_matrix(p, s, o.beta1), 0, scale);
    if (sides.left) u = linalg::matmul(sides.ql(), u);
    if (sides.right) u = linalg::matmul(u, sides.qr());
    descend(p, u, o.lr * k.lr_scale, o.weight_decay);
    sides.accumulate(g, o.beta2, static_cast<double>(n), static_cast<double>(m));
    if (k.t != 1 && !renews(k.t, o.update_every, s)) return;
    const double power = sides.left && sides.right ? 0.25 : 0.5, correction = bias_correction(o.beta2, k.t);
    if (sides.left) sides.ql().copy_from(root(sides.l(), power, correction, o.eig_floor));
    if (sides.right) sides.qr().copy_from(root(sides.r(), power, correction, o.eig_floor));
  }
  static void step(Pass<Options>& pass) {
    spread_over_steps(pass);
    update_side_by_side<Shampoo>(pass);
  }
};

}  // namespace

OptimizerEntry shampoo() {
  return rule_entry<Shampoo>(
      {"shampoo", "momentum between inverse fourth roots of the gradient's covariances",
       "Gupta, Koren, Singer, ICML 2018; Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}

}  // namespace gradus::rules
