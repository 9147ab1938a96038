// AdaGO: Muon's direction with AdaGrad-norm's step size.
// Paper: Zhang, Liu, Schaeffer, "AdaGrad Meets Muon: Adaptive Stepsizes for Orthogonal Updates", 2025, arXiv 2509.02981.
//   W <- W*(1 - lr*weight_decay);   M = momentum*M + (1-momentum)*G
//   n = min(||G||, gamma);   v2 = v2 + n^2  (v0 at first);   alpha = max(eps, lr*n/sqrt(v2))        per matrix
//   W <- W - alpha * newton_schulz(M)                 nesterov: of momentum*M + (1-momentum)*G
// adjusted_lr: lr times 1 (none), 0.2*sqrt(max(out,in)) (moonlight) or sqrt(max(1, out/in)) (muon), in alpha alone.
// The step is the paper's (a public port forgets the root of v2). Vectors, embeddings and heads: AdamW (adamw_*).
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {
namespace {

struct AdaGo {
  struct Options {
    double lr = 0.05, momentum = 0.95, gamma = 10, eps = 5e-4, v0 = 1e-6, weight_decay = 0;
    int64 ns_steps = 5;
    bool nesterov = false;
    std::string adjusted_lr = "none";
    double adamw_lr = 3e-4, adamw_beta1 = 0.9, adamw_beta2 = 0.95, adamw_eps = 1e-10, adamw_weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size of the first step", positive());
      f("momentum", momentum, "decay of the momentum", decay_rate());
      f("gamma", gamma, "largest gradient norm that counts", positive());
      f("eps", eps, "smallest step size", at_least(0));
      f("v0", v0, "start of the sum of squared norms", positive());
      f("ns_steps", ns_steps, "Newton-Schulz iterations", at_least(1));
      f("nesterov", nesterov, "orthogonalise the momentum mixed with the gradient");
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      f("adjusted_lr", adjusted_lr, "factor on lr by shape", choices({"none", "moonlight", "muon"}));
      f("adamw_lr", adamw_lr, "companion AdamW: step size for vectors, embeddings and heads", positive());
      f("adamw_beta1", adamw_beta1, "companion AdamW: decay of the gradient mean", decay_rate());
      f("adamw_beta2", adamw_beta2, "companion AdamW: decay of the mean of squared gradients", decay_rate());
      f("adamw_eps", adamw_eps, "companion AdamW: added to the root", at_least(0));
      f("adamw_weight_decay", adamw_weight_decay, "companion AdamW: decoupled decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;

  static double shape_factor(const Param& p, const std::string& adjusted_lr) {
    const double out = static_cast<double>(p.rows()), in = static_cast<double>(p.cols());
    if (adjusted_lr == "moonlight") return 0.2 * std::sqrt(std::max(out, in));
    return adjusted_lr == "muon" ? std::sqrt(std::max(1.0, out / in)) : 1;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!takes_matrix(p))
      return adam_step(p, s, o.adamw_lr * k.lr_scale, o.adamw_beta1, o.adamw_beta2, o.adamw_eps,
                       o.adamw_weight_decay, k.t);
    const double lr = o.lr * k.lr_scale, n = std::min(norm(p.grad), o.gamma);
    double& v2 = s.scalar("v2", o.v0);
    v2 += n * n;
    const double alpha = std::max(o.eps, lr * shape_factor(p, o.adjusted_lr) * n / std::sqrt(v2));
    const Tensor m = momentum_matrix(p, s, o.momentum);
    const Tensor mixed = looked_ahead(p, m, o.nesterov ? 1 - o.momentum : 0, 1);
    const Tensor u =
        linalg::newton_schulz(mixed, linalg::newton_schulz_classic(static_cast<int>(o.ns_steps)));
    for_each_element(p.data, u, [keep = real(1 - lr * o.weight_decay), c = real(alpha)](real& w, real d) {
      w = keep * w - c * d;
    });
  }
  static void step(Pass<Options>& pass) { update_side_by_side<AdaGo>(pass); }
};

}  // namespace

OptimizerEntry adago() {
  return rule_entry<AdaGo>({"adago", "Muon's direction with AdaGrad-norm's step size",
                            "Zhang, Liu, Schaeffer, 2025, arXiv 2509.02981"});
}

}  // namespace gradus::rules
