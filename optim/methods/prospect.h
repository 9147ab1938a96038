// Prospect: a variance-reduced method for spectral risks of a finite sum.
//
// Paper: Mehta, Roulet, Pillutla, Harchaoui, "Distributionally Robust Optimization with Bias and Variance Reduction",
//        ICLR 2024. Details as ronakdm/prospect.
//   F(w) = spectral_risk(l_1(w), ..., l_n(w)) + mu/2*||w||^2,   mu = l2_reg/n
//   tables l_i, g_i, rho_i of every example, gbar = sum_i rho_i*g_i;  a step on example i:
//     l = l_i(w), g = grad l_i(w);   v = n*q_i*g - n*rho_i*g_i + gbar
//     w <- (w - lr*v)/(1 + lr*mu)              oracle_reg = grad: g has mu*w added, w <- w - lr*v
//     l_i <- l;  q' = q_i;  q <- weights of the losses in the table;  gbar += q'*g - rho_i*g_i;  rho_i <- q';  g_i <- g
// Departure: gbar is summed anew every n steps, against drift. The drawn example is also the one whose entries change
// (the paper draws a second one; the code does not).
//
// The method needs the examples by number and a table over all of them, which mini-batch training does not have: it is
// a solver of its own and no entry of the optimizer registry.
#pragma once

#include <functional>
#include <vector>

#include "optim/methods/spectral_risk.h"

namespace gradus {

struct ProspectOptions {
  double lr = 0.01, nu = 1, l2_reg = 1;
  std::string oracle_reg = "prox", penalty = "l2";
  SpectrumOptions risk;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    risk.visit(f);
    f("nu", nu, "weight of the penalty on the weights' distance from 1/n", at_least(0));
    f("l2_reg", l2_reg, "ridge, times 1/n", at_least(0));
    f("oracle_reg", oracle_reg, "how the ridge enters", choices({"prox", "grad"}));
    f("penalty", penalty, "distance from 1/n", choices({"l2", "neg_entropy"}));
  }
};

/// The loss of example i at w; its gradient into `gradient` (of w's size).
using ExampleLoss =
    std::function<double(int64 i, const std::vector<double>& w, std::vector<double>& gradient)>;

class Prospect {
 public:
  /// Fills the tables at `w` (n evaluations). Throws UsageError for n < 1, NumericError for losses that are not finite.
  Prospect(const ProspectOptions& options, int64 n, std::vector<double> w, ExampleLoss loss);
  /// One step on example i, 0 <= i < n. Throws NumericError, and changes nothing, if its loss is not finite.
  void step(int64 i);

  const std::vector<double>& weights() const { return w_; }       ///< w
  const std::vector<double>& risk_weights() const { return q_; }  ///< q
  const std::vector<double>& losses() const { return losses_; }   ///< table
  /// v of a step on example i, as it would be now.
  std::vector<double> direction(int64 i) const;

 private:
  double evaluate(int64 i, std::vector<double>& gradient) const;
  void sum_anew();

  ProspectOptions options_;
  int64 n_, steps_ = 0;
  ExampleLoss loss_;
  double mu_;
  std::vector<double> w_, sigma_, losses_, q_, rho_, gbar_;
  std::vector<std::vector<double>> gradients_;
};

}  // namespace gradus
