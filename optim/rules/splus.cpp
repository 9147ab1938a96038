// SPlus and SPA: the sign of the momentum in the eigenbasis of Shampoo's covariances.
// Papers: Frans, Levine, Abbeel, "A Stable Whitening Optimizer for Efficient Neural Network Training", 2025, arXiv
//         2506.07254 (SPlus); Frans, Abbeel, Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv
//         2510.25000 (SPA).
//   L = beta2*L + (1-beta2)*G G';   R = beta2*R + (1-beta2)*G' G;   M = beta1*M + (1-beta1)*G                G is (m,n)
//   QL, QR = eigenvectors of L, R at t = 1 and t % update_every == 0, after the step; I before
//   S = QL sign(QL' M QR) QR'
//   splus: U = 2/(m+n) * S
//   spa:   V = beta2*V + (1-beta2)*S^2;   U = S/(sqrt(V/(1-beta2^t)) + eps);   t = 1: U = 0, and M and V stay zero
//   W <- W - lr*(U + weight_decay*W)
// splus, form released: lr' = lr*2/(m+n), for all that is no matrix lr' = lr*nonstandard_constant and S = sign(M);
//   W <- (W - lr'*S)*(1 - lr'*weight_decay); the weights to evaluate are their running mean (decay 0.999)
// A side longer than max_dim keeps the identity.
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

// QL sign(QL' M QR) QR' of the momentum just updated.
Tensor rotated_sign(const Tensor& m, TwoSided& sides) {
  Tensor turned = sides.rotate(m);
  for_each_element(turned, [](real& x) { x = sign(x); });
  return sides.rotate_back(turned);
}
void refresh(TwoSided& sides, const Tensor& g, double beta2, int64 t, int64 update_every) {
  sides.accumulate(g, beta2);
  if (t == 1 || t % update_every == 0) sides.diagonalise();
}

struct SPlus {
  struct Options : CompanionOptions {
    double lr = 0.1, beta1 = 0.9, beta2 = 0.99, weight_decay = 0, lookahead = 0, nonstandard_constant = 1e-3;
    int64 update_every = 100, max_dim = 2048;
    std::string form = "paper";
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices, times 2/(m+n)", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the covariances", decay_rate());
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("update_every", update_every, "steps between new bases", at_least(1));
      f("lookahead", lookahead, "share of the present gradient in the direction", between(0, 1));
      f("form", form, "of the whitening study or as released", choices({"paper", "released"}));
      f("nonstandard_constant", nonstandard_constant, "factor on lr for what is no matrix (released)",
        positive());
      f("max_dim", max_dim, "longest side that is rotated", at_least(1));
      visit_companion(f);
    }
  };
  static const char* evaluation_slot(const Options& o) { return o.form == "released" ? "average" : nullptr; }

  static void released_vector(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale * o.nonstandard_constant);
    const real keep = real(1 - o.lr * k.lr_scale * o.nonstandard_constant * o.weight_decay);
    for_each_element(p.data, p.grad, s("m"), [=, mean = Ema(o.beta1)](real& w, real g, real& m) {
      m = mean(m, g);
      w = keep * (w - lr * sign(m));
    });
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool released = o.form == "released";
    if (!takes_matrix(p)) {
      released ? released_vector(p, s, o, k) : companion_step(p, s, o, k);
    } else {
      const int64 m = p.rows(), n = p.cols();
      TwoSided sides(s, m, n, o.max_dim);
      const Tensor g = as_matrix(p.grad);
      const Tensor u = rotated_sign(looked_ahead(p, momentum_matrix(p, s, o.beta1), o.lookahead, 1), sides);
      const double lr = o.lr * k.lr_scale, step = lr * 2 / static_cast<double>(m + n);
      const real keep = real(1 - (released ? step : lr) * o.weight_decay), c = real(step);
      for_each_element(p.data, u,
                       [=](real& w, real d) { w = released ? keep * (w - c * d) : keep * w - c * d; });
      refresh(sides, g, o.beta2, k.t, o.update_every);
    }
    if (!released) return;
    const Tensor& now = p.data;
    for_each_element(s.starting_at("average", p.data), now,
                     [mean = Ema(0.999)](real& a, real w) { a = mean(a, w); });
  }
  static void step(Pass<Options>& pass) { update_side_by_side<SPlus>(pass); }
};

struct Spa {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, eps = 1e-16, weight_decay = 0;
    int64 update_every = 10, max_dim = 2048;
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the covariances and of squared directions", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      f("update_every", update_every, "steps between new bases", at_least(1));
      f("max_dim", max_dim, "longest side that is rotated", at_least(1));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!takes_matrix(p)) return companion_step(p, s, o, k);
    TwoSided sides(s, p.rows(), p.cols(), o.max_dim);
    Tensor u = Tensor::zeros({p.rows(), p.cols()});
    if (k.t > 1) {
      u = rotated_sign(momentum_matrix(p, s, o.beta1), sides);
      const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
      for_each_element(u, s("v"), [=, mean = Ema(o.beta2)](real& x, real& v) {
        v = mean(v, x * x);
        x = x == 0 ? real(0) : x / (root * std::sqrt(v) + eps);
      });
    }
    descend(p, u, o.lr * k.lr_scale, o.weight_decay);
    refresh(sides, as_matrix(p.grad), o.beta2, k.t, o.update_every);
  }
  static void step(Pass<Options>& pass) { update_side_by_side<Spa>(pass); }
};

}  // namespace

OptimizerEntry splus() {
  return rule_entry<SPlus>({"splus", "sign of the momentum in the eigenbasis of the gradient's covariances",
                            "Frans, Levine, Abbeel, 2025, arXiv 2506.07254; arXiv 2510.25000"});
}
OptimizerEntry spa() {
  return rule_entry<Spa>({"spa", "SPlus with Adam's division by the root mean square of its directions",
                          "Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}

}  // namespace gradus::rules
