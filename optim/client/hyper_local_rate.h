// FedHyper at a client: a step size that follows the inner products of its own steps and of the server's last direction.
// Paper: Wang, Wang, Li, "FedHyper: A Universal and Robust Learning Rate Scheduler for Federated Learning with Hypergradient Descent",
//        ICLR 2024, arXiv 2310.03156; form reference: the authors' code.
//   D: mean displacement of the last round (0 before the first);  m = momentum*m + g,  step s = -beta*lr*m;  beta = 1 at the start of
//   every round
//   form paper:      from the second step on, before it:  beta = clip(beta + hyper_lr*(<g_k, g_{k-1}> - <g_k, D>/K)),  K steps a round
//   form reference:  behind every step that is not the first of its local epoch:
//                    gamma = min(max_growth, 1 + hyper_lr*(<s, s_prev> + 0.1*<s, D>/n_sel)),  beta = clip(gamma*beta),  s_prev = s
//                    s_prev = D at the start of the round
//   clip to 1/gamma_beta ... gamma_beta
#pragma once

#include <string>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct HyperLocalOptions {
  double lr = 0.05, momentum = 0.5;
  std::string form = "reference";
  double hyper_lr = 1, gamma_beta = 10, max_growth = 1.1;
  int64 n_sel = 10;

  void visit(auto&& f) {
    f("lr", lr, "step size at the start of every round", positive());
    f("momentum", momentum, "share of the velocity that is kept", decay_rate());
    f("form", form, "of the change: additive by gradients (paper) or a factor by steps (reference)",
      choices({"reference", "paper"}));
    f("hyper_lr", hyper_lr, "factor on the inner products", at_least(0));
    f("gamma_beta", gamma_beta, "the step size stays within a factor of this", at_least(1));
    f("max_growth", max_growth, "largest factor of a step (form reference)", at_least(1));
    f("n_sel", n_sel, "clients a round (form reference)", at_least(1));
  }
};

/// The steps of one client in one round.
class HyperLocalRate {
 public:
  /// direction: D, (d), or undefined. steps: K, >= 1. `lr_scale`: factor on lr this round.
  HyperLocalRate(const HyperLocalOptions& options, const Tensor& direction, int64 steps, double lr_scale = 1);

  /// The step s (d) for the gradient g (d), which is to be added to the parameters.
  Tensor step(const Tensor& g, bool first_of_epoch);
  /// The factor that the last step used.
  double used() const { return used_; }

 private:
  void change(double beta);

  HyperLocalOptions o_;
  Tensor direction_, momentum_, last_;  // last_: g_{k-1} (paper) or s_prev (reference)
  double lr_, steps_, beta_ = 1, used_ = 1;
  bool first_ = true;
};

}  // namespace gradus
