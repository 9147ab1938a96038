// Muon and AdaMuon: the momentum, orthogonalised.
// Papers: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; Si et al., "AdaMuon", 2025; in
//         the form of Frans, Abbeel, Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv
//         2510.25000.
//   W is (out, in);   M = beta1*M + (1-beta1)*G;   Mh = ((1-lookahead)*M + lookahead*G)/(1-beta1^t)
//   O = sqrt(max(1, out/in)) * newton_schulz(Mh)
//   muon:    U = O
//   adamuon: V = beta2*V + (1-beta2)*O^2;   U = O/(sqrt(V/(1-beta2^t)) + eps);  variance rank1: V of its row and
//            column means alone, r c'/mean(r) (the published code divides by sum(r)/n: n/m times too much)
//   W <- W - lr*(U + weight_decay*W)
// ns_coefficients: five triples of their own, or classic, (3.4445, -4.7750, 2.0315) five times.
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

// sqrt(max(1, out/in)) * NewtonSchulz(x).
Tensor scaled_orthogonal(const Tensor& x, const std::string& coefficients) {
  Tensor o = linalg::newton_schulz(x, newton_schulz_named(coefficients));
  const real c =
      real(std::sqrt(std::max(1.0, static_cast<double>(x.dim(0)) / static_cast<double>(x.dim(1)))));
  for_each_element(o, [=](real& y) { y *= c; });
  return o;
}

struct Muon {
  struct Options : CompanionOptions {
    double lr = 0.02, beta1 = 0.9, weight_decay = 0, lookahead = 0;
    std::string ns_coefficients = "per-iteration";
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      f("lookahead", lookahead, "share of the present gradient in the direction", between(0, 1));
      f("ns_coefficients", ns_coefficients, "Newton-Schulz coefficients",
        choices({"per-iteration", "classic"}));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!takes_matrix(p)) return companion_step(p, s, o, k);
    const Tensor m = momentum_matrix(p, s, o.beta1);
    const Tensor mh = looked_ahead(p, m, o.lookahead, 1 / bias_correction(o.beta1, k.t));
    descend(p, scaled_orthogonal(mh, o.ns_coefficients), o.lr * k.lr_scale, o.weight_decay);
  }
  static void step(Pass<Options>& pass) { update_side_by_side<Muon>(pass); }
};

struct AdaMuon {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0;
    std::string ns_coefficients = "per-iteration", variance = "full";
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the mean of squared directions", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      f("ns_coefficients", ns_coefficients, "Newton-Schulz coefficients",
        choices({"per-iteration", "classic"}));
      f("variance", variance, "of every entry, or of rows and columns", choices({"full", "rank1"}));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!takes_matrix(p)) return companion_step(p, s, o, k);
    const Tensor m = momentum_matrix(p, s, o.beta1);
    Tensor u = scaled_orthogonal(looked_ahead(p, m, 0, 1 / bias_correction(o.beta1, k.t)), o.ns_coefficients);
    const double correction = bias_correction(o.beta2, k.t);
    if (o.variance == "rank1") {
      divide_by_rank1(u, u.clone(), s, o.beta2, correction, o.eps);
    } else {
      const real root = real(1 / std::sqrt(correction)), eps = real(o.eps);
      for_each_element(u, s("v"), [=, mean = Ema(o.beta2)](real& x, real& v) {
        v = mean(v, x * x);
        x = x == 0 ? real(0) : x / (root * std::sqrt(v) + eps);
      });
    }
    descend(p, u, o.lr * k.lr_scale, o.weight_decay);
  }
  static void step(Pass<Options>& pass) { update_side_by_side<AdaMuon>(pass); }
};

}  // namespace

OptimizerEntry muon() {
  return rule_entry<Muon>({"muon", "orthogonalised momentum of matrices",
                           "Jordan et al., 2024; Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}
OptimizerEntry adamuon() {
  return rule_entry<AdaMuon>({"adamuon", "Muon divided by the root mean square of its directions",
                              "Si et al., 2025; Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}

}  // namespace gradus::rules
