// Delta-SGD: step sizes from the smoothness between the last two points, by the gradients of one batch at both.
// Paper: Kim, Toghani, Uribe, Kyrillidis, "Adaptive Federated Learning with Auto-Tuned Clients", ICLR 2024, arXiv 2306.11201; form
//        reference: the authors' code. After Malitsky, Mishchenko, ICML 2020, arXiv 1910.09529.
//   g, g': gradients of this step's batch at w and at the weights w' before the last step;   w_0 the first weights
//   lr by optim/vocabulary/auto_tuned_step.h with dx = ||w - w'||, dg = ||g - g'||, over all tensors
//   w <- w - lr*(g + prox_mu*(w - w_0))      (prox_mu > 0, FedProx, is a part of both g and g')
// Two gradients a step, but for the first. lr, given, is the first step size; a schedule scales what is found.
#include "optim/rules/objective_rules.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/auto_tuned_step.h"

namespace gradus::rules {
namespace {

struct DeltaSgd {
  struct Options : AutoTunedOptions {
    double prox_mu = 0;
    void visit(auto&& f) {
      AutoTunedOptions::visit(f);
      f("prox_mu", prox_mu, "pull towards the first weights", at_least(0));
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    bool known = false;
    for (const auto& item : pass.items) known = known || item.s.has("previous");
    double dx = 0, dg = 0;
    if (known) {
      std::vector<Tensor> before;
      {
        TrialWeights present(pass);
        for (auto& item : pass.items) {
          const Tensor* previous = item.s.find("previous");
          if (!previous) continue;  // it joined after the first step
          dx += sum_elements(item.p.data, *previous, [](real w, real p) {
            const double d = static_cast<double>(w) - static_cast<double>(p);
            return d * d;
          });
          item.p.data.copy_from(*previous);
        }
        if (dx > 0) before = Around(pass).gradients();
      }
      for (size_t i = 0; i < before.size(); ++i) {
        const auto& item = pass.items[i];
        const Tensor* previous = item.s.find("previous");
        if (!previous) continue;
        dg += sum_elements(item.p.grad, before[i], item.p.data, *previous,
                           [mu = o.prox_mu](real g, real gp, real w, real p) {
                             const double d = static_cast<double>(g) - static_cast<double>(gp) +
                                              mu * (static_cast<double>(w) - static_cast<double>(p));
                             return d * d;
                           });
      }
    }
    AutoTunedStep found{pass.shared.scalar("lr", o.lr), pass.shared.scalar("theta", o.theta)};
    found.advance(o, std::sqrt(dx), std::sqrt(dg), !known);
    pass.shared.scalar("lr") = found.lr, pass.shared.scalar("theta") = found.theta;
    const real lr = real(found.lr * pass.info.lr_scale), mu = real(o.prox_mu);
    for (auto& item : pass.items) {
      item.s("previous").copy_from(item.p.data);
      if (o.prox_mu == 0)
        for_each_element(item.p.data, item.p.grad, [=](real& w, real g) { w -= lr * g; });
      else
        for_each_element(item.p.data, item.p.grad, std::as_const(item.s.starting_at("start", item.p.data)),
                         [=](real& w, real g, real start) { w -= lr * (g + mu * (w - start)); });
    }
  }
};

}  // namespace

OptimizerEntry delta_sgd() {
  return rule_entry<DeltaSgd>({"delta-sgd", "step size: one over the smoothness between the last two points",
                               "Kim, Toghani, Uribe, Kyrillidis, ICLR 2024, arXiv 2306.11201", 6});
}

}  // namespace gradus::rules
