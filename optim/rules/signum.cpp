// Signum: the sign of the momentum, on matrices.
// Papers: Bernstein, Wang, Azizzadenesheli, Anandkumar, "signSGD", ICML 2018; in the form of Frans, Abbeel, Levine,
//         "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000.
//   M = beta1*M + (1-beta1)*G;   N = (1-lookahead)*M + lookahead*G
//   W <- W - lr*(sign(N) + weight_decay*W)
// Vectors, embeddings and heads: Adam (adam_* options).
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

struct Signum {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, lookahead = 0, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("lookahead", lookahead, "share of the present gradient in the direction", between(0, 1));
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!takes_matrix(p)) return companion_step(p, s, o, k);
    const double lr = o.lr * k.lr_scale;
    const real keep = real(1 - lr * o.weight_decay), step = real(lr), ahead = real(o.lookahead);
    for_each_element(p.data, p.grad, s("m"), [=, mean = Ema(o.beta1)](real& w, real g, real& m) {
      m = mean(m, g);
      w = keep * w - step * sign((1 - ahead) * m + ahead * g);
    });
  }
};

}  // namespace

OptimizerEntry signum() {
  return rule_entry<Signum>({"signum", "the sign of the momentum, on matrices",
                             "Bernstein et al., ICML 2018; Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}

}  // namespace gradus::rules
