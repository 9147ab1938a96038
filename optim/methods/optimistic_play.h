// Optimistic gradient methods with two step sizes, for one player of a game whose gradients are noisy.
//
// Paper: Hsieh, Antonakopoulos, Cevher, Mertikopoulos, "No-Regret Learning in Games with Noisy Feedback: Faster Rates and
//        Adaptivity via Learning Rate Separation", NeurIPS 2022, arXiv 2206.06015.
//   play X_{t+1/2} = X_t - gamma_t*g_{t-1},  g_0 = 0;   see g_t there;  then
//   og+       X_{t+1} = X_t - eta_{t+1}*g_t
//   optda+    X_{t+1} = X_1 - eta_{t+1}*(g_1 + ... + g_t)
//   gamma_t = gamma*t^-gamma_power,  eta_t = eta*t^-eta_power          (gamma = eta, og+: the classical optimistic gradient)
//   adaoptda+ is optda+ with  lambda_t = sum_{s<=t} ||g_s||^2,  mu_t = sum_{s<=t} ||X_s - X_{s+1}||^2,
//             gamma_t = (1 + lambda_{t-2})^(q-1/2),  eta_t = (1 + lambda_{t-2} + mu_{t-2})^(-1/2),  sums of index <= 0 are 0
// A player knows its own numbers alone. In double.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

struct OptimisticOptions {
  std::string method = "adaoptda+";
  double gamma = 0.1, eta = 0.1, gamma_power = 0, eta_power = 0, q = 0.25;
  void visit(auto&& f) {
    f("method", method, "the update", choices({"og+", "optda+", "adaoptda+"}));
    f("gamma", gamma, "step to the played point", at_least(0));
    f("eta", eta, "step of the base point", positive());
    f("gamma_power", gamma_power, "gamma_t falls as t to minus this", at_least(0));
    f("eta_power", eta_power, "eta_t falls as t to minus this", at_least(0));
    f("q", q, "adaoptda+: by how much gamma falls more slowly than eta", between(0, 0.25));
  }
};

class OptimisticPlayer {
 public:
  OptimisticPlayer(const OptimisticOptions& options, std::span<const double> start);

  /// X_{t+1/2} of the coming round t, where the gradient is to be taken.
  const std::vector<double>& play();
  /// g_t, as seen there: the base moves on. Throws ShapeError for another size, NumericError where g is not finite.
  void observe(std::span<const double> gradient);

  const std::vector<double>& base() const { return x_; }  ///< X_t of the coming round
  double gamma() const { return gamma_; }                 ///< of the last play
  double eta() const { return eta_; }                     ///< of the last observe

 private:
  OptimisticOptions o_;
  std::vector<double> start_, x_, g_, sum_g_, played_;
  int64 t_ = 1;  // the coming round
  // Before round t: lambda_{t-1}, lambda_{t-2} and mu_{t-1}.
  double lambda_ = 0, lambda_before_ = 0, mu_ = 0;
  double gamma_ = 0, eta_ = 0;
};

}  // namespace gradus
