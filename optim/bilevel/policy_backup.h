// A deterministic policy improved by the gradient of its Bellman backup.
//
// Paper: Hao, Lu, Liang, Zhou, Mou, "Adaptive Policy Learning to Additional Tasks", 2023, arXiv 2305.15193. Known of it: a pretrained
// policy is tuned to an added task by Bellman's principle of optimality and a deterministic policy gradient; the form below is a
// reconstruction. (Deterministic policy gradients: Silver et al., ICML 2014.)
//   J(theta) = mean over x_0 of  sum_{h < H} gamma^h*alive_h*r(x_h, u_h) + gamma^H*alive_H*V(x_H)
//              - kappa * mean over protected x of |mu(x) - mu_0(x)|^2,     u_h = mu_theta(x_h), x_{h+1} = f(x_h, u_h)
//   V: one step on mean (V(x) - [r(x, mu(x)) + gamma*alive*Vbar(f(x, mu(x)))])^2, the bracket constant;
//   Vbar <- (1 - tau)*Vbar + tau*V
// alive_{h+1} = alive_h*alive(x_{h+1}) is 1 or 0 and has no gradient: a fall is followed by nothing. Actions are always mu(x),
// never those stored with old data.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "autograd/functional/functional.h"
#include "optim/optimizer.h"

namespace gradus {

/// Functions of batches of states x (N,n) and actions u (N,m).
struct ControlProblem {
  std::function<Tensor(std::span<const Tensor> theta, const Tensor& x)> policy;  ///< mu, (N,m)
  std::function<Tensor(std::span<const Tensor> phi, const Tensor& x)> value;     ///< V, (N)
  std::function<Tensor(const Tensor& x, const Tensor& u)> model;                 ///< f, (N,n)
  std::function<Tensor(const Tensor& x, const Tensor& u)> reward;                ///< r, (N)
  std::function<Tensor(const Tensor& x)> alive = nullptr;  ///< 1 or 0 (N); null: always 1
};

struct BackupOptions {
  double gamma = 0.98;
  int64 horizon = 1;
};
/// J, to be raised. Differentiable in theta. horizon >= 0 (0: the value alone).
Tensor backup_objective(const ControlProblem& problem, std::span<const Tensor> theta,
                        std::span<const Tensor> phi, const Tensor& states, const BackupOptions& options);
/// Mean over rows of the squared distance of mu(x) from `actions` (N,m), summed over the components.
Tensor protection_penalty(const ControlProblem& problem, std::span<const Tensor> theta, const Tensor& states,
                          const Tensor& actions);

/// V with its slow copy.
class PolicyEvaluation {
 public:
  /// `phi` is trained in place by `optimizer` ("adam:lr=1e-3"). Throws as make_optimizer.
  PolicyEvaluation(ControlProblem problem, Parameters phi, const std::string& optimizer, double gamma,
                   double tau);
  /// One step at these states and this policy. Returns the loss before it.
  double step(std::span<const Tensor> theta, const Tensor& states);
  /// Vbar.
  const Tensors& copy() const { return copy_; }

 private:
  ControlProblem problem_;
  Parameters phi_;
  Tensors copy_;
  OptimizerPtr optimizer_;
  double gamma_, tau_;
};

struct AdaptiveOptions {
  std::string policy = "adam:lr=3e-4", value = "adam:lr=1e-3";  ///< optimizers
  double gamma = 0.98, tau = 0.01;
  int64 horizon = 1;
};
/// Evaluation and improvement in turn, on whatever states they are given.
class AdaptivePolicy {
 public:
  /// Both sets of parameters are trained in place. Throws as make_optimizer.
  AdaptivePolicy(const ControlProblem& problem, Parameters theta, Parameters phi,
                 const AdaptiveOptions& options);
  /// A step of V; the policy stays. Returns the loss before it.
  double evaluate(const Tensor& states);
  /// A step of the policy up J with Vbar. Returns the squared length of dJ/dtheta before it.
  double improve(const Tensor& states);
  /// J with Vbar.
  double objective(const Tensor& states) const;
  const Tensors& slow_value() const { return evaluation_.copy(); }

 private:
  Tensors policy() const;
  ControlProblem problem_;
  Parameters theta_;
  AdaptiveOptions options_;
  PolicyEvaluation evaluation_;
  OptimizerPtr optimizer_;
};

/// x' = a*x + b*u, u = -k*x, V = -p*x^2, r = -(q*x^2 + r*u^2), states (N,1); theta = k, phi = p of one element each.
struct ScalarRegulator {
  double a = 1, b = 1, q = 1, r = 1;
  ControlProblem problem() const;
};

}  // namespace gradus
