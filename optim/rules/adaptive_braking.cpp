// Adaptive braking on SGD with momentum (AB-SGDM); around other rules: braking(RULE).
// Paper: Venigalla, Kosson, Chiley, Koster, "Adaptive Braking for Mitigating Gradient Delay", ICML 2020 workshop,
//        arXiv 2007.01397.
//   g <- g + weight_decay*w
//   for every block b (scope filter: an output row of a tensor of rank >= 2, else the tensor; tensor; global):
//     alpha_b = 1 - rho*cos(g_b, v_b),   cos = <g_b, v_b>/max(||g_b||*||v_b||, eps)
//     v_b = momentum*v_b + alpha_b*g_b
//   w <- w - lr*v
// No code was published: blocks, eps and rho's default are reconstructed.
#include "optim/rules/rules.h"
#include "optim/vocabulary/braking.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdaptiveBraking {
  struct Options {
    double lr = 0.01, momentum = 0.9, rho = 2, eps = 1e-10;
    std::string scope = "filter";
    double weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "share of the velocity that is kept", decay_rate());
      f("rho", rho, "braking; 0 is plain momentum", at_least(0));
      f("eps", eps, "smallest product of norms", epsilon());
      f("scope", scope, "block that shares a brake", choices({"filter", "tensor", "global"}));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };

  /// <g,v>, ||g||^2, ||v||^2 over all tensors of scope global.
  static Alignment prepare(Pass<Options>& all) {
    Alignment sum;
    for (auto& item : all.items)
      if (item.o.scope == "global")
        sum += alignment(item.p.data, item.p.grad, item.s("v"), item.o.weight_decay, 0, item.p.data.numel());
    return sum;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k, const Alignment& everywhere) {
    const int64 rows = o.scope == "filter" && p.is_matrix() ? p.rows() : 1;
    const int64 cols = rows ? p.data.numel() / rows : 0;
    const real lr = real(o.lr * k.lr_scale), mu = real(o.momentum), l2 = real(o.weight_decay);
    Tensor& velocity = s("v");
    const Tensor before = velocity;  // read-only view for the cosines
    const auto move = [=](real alpha) {
      return [=](real& w, real g, real& v) {
        v = mu * v + alpha * (g + l2 * w);
        w -= lr * v;
      };
    };
    const auto alpha = [&](const Alignment& a) { return real(1 - o.rho * a.cosine(o.eps)); };
    if (rows == 1) {
      const Alignment a =
          o.scope == "global" ? everywhere : alignment(p.data, p.grad, before, o.weight_decay, 0, cols);
      for_each_element(p.data, p.grad, velocity, move(alpha(a)));
      return;
    }
    real *w = p.data.mutable_data(), *v = velocity.mutable_data();
    const real* g = p.grad.data();
    for_each_row(rows, cols, [&](int64 i) {
      const Alignment a = alignment(p.data, p.grad, before, o.weight_decay, i * cols, cols);
      elements(cols, move(alpha(a)), w + i * cols, g + i * cols, v + i * cols);
    });
  }
};

}  // namespace

OptimizerEntry adaptive_braking() {
  return rule_entry<AdaptiveBraking>({"adaptive-braking",
                                      "momentum SGD that brakes gradients along the velocity",
                                      "Venigalla, Kosson, Chiley, Koster, 2020, arXiv 2007.01397", 2});
}

}  // namespace gradus::rules
