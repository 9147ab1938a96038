// Apollo: a diagonal quasi-Newton method.
// Paper: Ma, "Apollo: An Adaptive Parameter-wise Diagonal Quasi-Newton Method for Nonconvex Stochastic Optimization",
//        2020, arXiv 2009.13586. The authors' linear warm-up is left to the schedule.
//   l2: g <- g + weight_decay*w;   alpha = (1-beta)/(1-beta^t);   y = g - m                               (old m)
//   rebound = constant: r = 0.01, e = eps/r;   belief: r = max|y|, e = eps
//   m = m + alpha*y;   n = (sum d^4)^(1/4) + e;   d = d/n                             d: the direction of the step before
//   B = B + d^2*(-alpha*sum(y*d)/n - sum(B*d^2));   H = max(|B|, r);   belief: H = H + e/alpha
//   d = m/H;   decoupled: d = d + weight_decay*w;   stable: d = d + weight_decay/mean(H)*w;   w <- w - lr*d
#include "optim/rules/zoo.h"
#include "optim/vocabulary/largest.h"
#include "optim/vocabulary/sums.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct ApolloDqn {
  struct Options {
    double lr = 0.01, beta = 0.9, eps = 1e-4, weight_decay = 0;
    std::string rebound = "constant", weight_decay_type = "l2";
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta", beta, "decay of the gradient mean", decay_rate());
      f("eps", eps, "added to the norm of the last direction", positive());
      f("rebound", rebound, "least curvature: a constant, or the largest change of the gradient",
        choices({"constant", "belief"}));
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("weight_decay_type", weight_decay_type,
        "in the gradient, in the direction, or relative to the curvature",
        choices({"l2", "decoupled", "stable"}));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 count = p.data.numel();
    if (count == 0) return;
    const double alpha = (1 - o.beta) / bias_correction(o.beta, k.t);
    const real l2 = real(o.weight_decay_type == "l2" ? o.weight_decay : 0);
    const bool belief = o.rebound == "belief";
    Tensor &m = s("m"), &d = s("d"), &B = s("B");
    real most = 0;  // max|y|
    if (belief) {
      Tensor y(p.data.shape());
      for_each_element(y, p.grad, std::as_const(p.data), std::as_const(m),
                       [=](real& change, real g, real w, real mean) { change = g + l2 * w - mean; });
      most = largest_size(y);
    }
    const double r = belief ? static_cast<double>(most) : 0.01;
    const double e = belief ? o.eps : o.eps / r;
    // d still without its division by n: sum(y*d), sum(B*d^2) and sum d^4 are divided below.
    const auto [yd, Bdd, fourth] =
        for_each_with_sums<3>(std::as_const(p.data), p.grad, std::as_const(d), std::as_const(B), m,
                              [=, a = real(alpha)](real w, real g, real x, real b, real& mean, double& of_yd,
                                                   double& of_Bdd, double& of_fourth) {
                                const real y = g + l2 * w - mean;
                                mean += a * y;
                                const double size = static_cast<double>(x), square = size * size;
                                of_yd = static_cast<double>(y) * size;
                                of_Bdd = static_cast<double>(b) * square;
                                of_fourth = square * square;
                              });
    const double n = std::pow(fourth, 0.25) + e;
    const real delta = real((-alpha * yd - Bdd) / (n * n)), over_n = real(1 / n);
    const real least = real(r), lift = real(belief ? e / alpha : 0);
    for_each_element(B, std::as_const(d), [=](real& b, real x) { b += delta * square(x * over_n); });
    const auto curvature = [=](real b) { return std::max(std::abs(b), least) + lift; };
    double decay = 0;
    if (o.weight_decay_type == "decoupled") decay = o.weight_decay;
    if (o.weight_decay_type == "stable")
      decay = o.weight_decay * static_cast<double>(count) /
              sum_elements(std::as_const(B), [=](real b) { return static_cast<double>(curvature(b)); });
    for_each_element(p.data, std::as_const(m), std::as_const(B), d,
                     [=, c = real(decay), lr = real(o.lr * k.lr_scale)](real& w, real mean, real b, real& x) {
                       x = mean / std::max(curvature(b), real(1e-37)) + c * w;
                       w -= lr * x;
                     });
  }
};

}  // namespace

OptimizerEntry apollo_dqn() {
  return rule_entry<ApolloDqn>(
      {"apollo-dqn", "a diagonal quasi-Newton method", "Ma, 2020, arXiv 2009.13586", 5});
}

}  // namespace gradus::rules
