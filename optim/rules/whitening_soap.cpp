// SOAP in the form of the whitening study: Adam with exact eigenvectors, for matrices alone.
// Papers: Frans, Abbeel, Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000; the idea is
//         that of Vyas et al., 2024, arXiv 2409.11321 (soap.cpp).
//   U = QL [ QL' Mh QR/(sqrt(Vh) + eps) ] QR',   Mh = M/(1-beta1^t),  Vh = V/(1-beta2^t),  from t = 2 on
//     M = beta1*M + (1-beta1)*G                  V = beta2*V + (1-beta2)*(QL' G QR)^2
//   W <- W - lr*(U + weight_decay*W)             t = 1: U = 0, and M and V stay zero
//   L = beta2*L + (1-beta2)*G G';   R = beta2*R + (1-beta2)*G' G
//   at t = 1 and t % update_every == 0:  QL, QR = eigenvectors of L, R
// SOAP itself renews its bases by a power iteration and gives every tensor its rule (soap). Vectors, embeddings and
// heads: Adam (adam_* options). A side longer than max_dim keeps the identity.
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

struct WhiteningSoap {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weight_decay = 0;
    int64 update_every = 10, max_dim = 2048;
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the covariances and of squares in their basis", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("update_every", update_every, "steps between new bases", at_least(1));
      f("max_dim", max_dim, "longest side that is rotated", at_least(1));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!takes_matrix(p)) return companion_step(p, s, o, k);
    TwoSided sides(s, p.rows(), p.cols(), o.max_dim);
    const Tensor g = as_matrix(p.grad);
    Tensor u = Tensor::zeros(g.shape());
    if (k.t > 1) {
      const Tensor turned = sides.rotate(g);
      u = sides.rotate(momentum_matrix(p, s, o.beta1));
      const real c1 = real(1 / bias_correction(o.beta1, k.t)), eps = real(o.eps);
      const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
      for_each_element(u, turned, s("v"), [=, mean = Ema(o.beta2)](real& x, real y, real& v) {
        v = mean(v, y * y);
        x = x == 0 ? real(0) : c1 * x / (root * std::sqrt(v) + eps);
      });
      u = sides.rotate_back(u);
    }
    descend(p, u, o.lr * k.lr_scale, o.weight_decay);
    sides.accumulate(g, o.beta2);
    if (k.t == 1 || k.t % o.update_every == 0) sides.diagonalise();
  }
  static void step(Pass<Options>& pass) { update_side_by_side<WhiteningSoap>(pass); }
};

}  // namespace

OptimizerEntry whitening_soap() {
  return rule_entry<WhiteningSoap>({"whitening-soap",
                                    "Adam in the eigenbasis of the gradient's covariances, on matrices",
                                    "Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}

}  // namespace gradus::rules
