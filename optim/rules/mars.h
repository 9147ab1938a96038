// MARS: variance-reduced gradients around AdamW, Lion and Shampoo.
// Paper: Yuan, Liu, Wu, Zhou, Gu, "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
//        ICML 2025, arXiv 2411.10438, Algorithm 1.
//   matrices (and vectors with optimize_1d):
//     c = g + gamma*beta1/(1-beta1)*(g - g_last);   c <- c/||c|| if ||c|| > 1;   then the form's step with c
//     g_last = g; exact form (is_approx = false): the gradient of the batch of the next step at these weights, that is,
//     seen from that step, the gradient of its own batch at the previous weights. 0 at the first step.
//   vectors otherwise: AdamW with lr_1d, beta1_1d, beta2_1d, weight_decay_1d.
// Kernels count as matrices (out, rest); the released code gives them AdamW.
#pragma once

#include "optim/rules/adam.h"

namespace gradus::rules {

struct MarsOptions {
  double lr = 3e-3, beta1 = 0.95, beta2 = 0.99, gamma = 0.025, eps = 1e-8, weight_decay = 0;
  bool amsgrad = false, is_approx = true, optimize_1d = false;
  double lr_1d = 3e-3, beta1_1d = 0.9, beta2_1d = 0.95, weight_decay_1d = 0.1;
  void visit(auto&& f) {
    f("lr", lr, "step size of matrices", positive());
    f("beta1", beta1, "decay of the mean of corrected gradients", decay_rate());
    f("beta2", beta2, "decay of the mean of their squares", decay_rate());
    f("gamma", gamma, "strength of the variance reduction", at_least(0));
    f("eps", eps, "added to the bias-corrected root", epsilon());
    f("weight_decay", weight_decay, "decoupled weight decay of matrices", at_least(0));
    f("amsgrad", amsgrad, "divide by the largest second moment so far");
    f("is_approx", is_approx,
      "compare with the last gradient; else with this batch's at the previous weights");
    f("optimize_1d", optimize_1d, "treat vectors as matrices are treated");
    f("lr_1d", lr_1d, "step size of vectors", positive());
    f("beta1_1d", beta1_1d, "beta1 of vectors", decay_rate());
    f("beta2_1d", beta2_1d, "beta2 of vectors", decay_rate());
    f("weight_decay_1d", weight_decay_1d, "decoupled weight decay of vectors", at_least(0));
  }
};

/// The gradients of this batch at the weights of the previous step, by Param::index; undefined where not asked for.
std::vector<Tensor> mars_last_gradients(Pass<MarsOptions>& all);
/// c; keeps what the next step compares with (slot "g_last", or "w_last" in the exact form).
Tensor mars_corrected(const Param& p, State& s, const MarsOptions& o, const Tensor& last);
/// AdamW on p.grad with the options of matrices, and with those of vectors.
void mars_adamw_step(Param& p, State& s, const MarsOptions& o, const StepInfo& k);
void mars_vector_step(Param& p, State& s, const MarsOptions& o, const StepInfo& k);

/// The rule whose matrices step by Form::step(p with c for gradient, s, o, k).
template <class Form>
struct Mars {
  using Options = MarsOptions;
  static Needs needs(const Options& o) { return {.re_evaluation = !o.is_approx}; }
  static std::vector<Tensor> prepare(Pass<Options>& all) { return mars_last_gradients(all); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k,
                     const std::vector<Tensor>& last) {
    if (!p.is_matrix() && !o.optimize_1d) return mars_vector_step(p, s, o, k);
    Param with_c{p.name, p.kind, p.data, mars_corrected(p, s, o, last[p.index]), p.index};
    Form::step(with_c, s, o, k);
  }
};

inline constexpr const char* kMarsPaper = "Yuan, Liu, Wu, Zhou, Gu, ICML 2025, arXiv 2411.10438";

}  // namespace gradus::rules
