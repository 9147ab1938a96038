// MoMo and MoMo-Adam: momentum with a step size from an averaged model of the loss.
// Paper: Schaipp, Ohana, Eickenberg, Defazio, Gower, "MoMo: Momentum Models for Adaptive Learning Rates", ICML 2024,
//        arXiv 2305.07583. Details as fabian-sp/MoMo.
//   <.,.> runs over all parameters;   a = 1 + lr*weight_decay
//   fbar, d, gam = running means of f, g, <w,g>;   rho = 1 - beta^t (bias_correction), else 1
//   tau = min(lr/rho, max(a*(fbar - rho*lb) + <w,d> - a*gam, 0)/||d||^2)
//   w <- (w - tau*d)/a
//   without bias_correction the means start at the first values and are then averaged as ever
// MoMo-Adam: D = sqrt(v/(1-beta2^t)) + eps, ||d||^2 becomes <d, d/D>, rho = 1 - beta1^t, w <- (w - tau*d/D)/a;
//   divide = false: w <- w*(1 - lr*weight_decay) - tau*d/D
// use_fstar (MoMo*): before tau, with cap = a*fbar + <w,d> - a*gam: lb = max(cap/(2*a*rho), lb_0) if cap < a*rho*lb;
//   after: lb = max((fbar + <w,d> - gam - tau*||d||^2/2)/rho, lb_0)
// ||d|| = 0: tau = 0. Groups share the means; each has its lr, weight_decay and so its tau.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

// What the model of a step is made of.
struct Model {
  double fbar, gam, rho, dot, square;
};

// tau of a group, and the lower bound moved on if it is estimated.
double step_size(const Model& m, double lr, double weight_decay, double lb0, double& lb, bool use_fstar) {
  const double a = 1 + lr * weight_decay, cap = a * m.fbar + m.dot - a * m.gam;
  if (use_fstar && cap < a * m.rho * lb) lb = std::max(cap / (2 * a * m.rho), lb0);
  const double polyak = m.square > 0 ? std::max(cap - a * m.rho * lb, 0.0) / m.square : 0;
  const double tau = std::min(lr / m.rho, polyak);
  if (use_fstar) lb = std::max((m.fbar + m.dot - m.gam - 0.5 * tau * m.square) / m.rho, lb0);
  return tau;
}

// update(item, tau, lr) for every item, group after group.
template <class Options, class Update>
void step_groups(Pass<Options>& pass, const Model& model, const Update& update) {
  double& lb = pass.shared.scalar("lb", pass.options.lb);
  for (int group = 0; group < pass.groups; ++group) {
    double tau = -1, lr = 0;
    for (auto& item : pass.items) {
      if (item.group != group) continue;
      if (tau < 0) {
        lr = item.o.lr * pass.info.lr_scale;
        tau = step_size(model, lr, item.o.weight_decay, pass.options.lb, lb, pass.options.use_fstar);
        pass.shared.scalar("tau") = tau;
      }
      update(item, tau, lr);
    }
  }
}

struct Momo {
  struct Options {
    double lr = 1, weight_decay = 0, beta = 0.9, lb = 0;
    bool bias_correction = false, use_fstar = false;
    void visit(auto&& f) {
      f("lr", lr, "largest step size", positive());
      f("weight_decay", weight_decay, "proximal decay, w/(1 + lr*weight_decay)", at_least(0));
      f("beta", beta, "decay of the means", decay_rate());
      f("lb", lb, "lower bound of the loss");
      f("bias_correction", bias_correction, "means that start at zero, corrected");
      f("use_fstar", use_fstar, "estimate the lower bound on the way (MoMo*)");
    }
  };
  static Needs needs(const Options&) { return {.loss = true}; }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    double &fbar = pass.shared.scalar("fbar"), &gam = pass.shared.scalar("gam"), &k = pass.shared.scalar("k");
    const bool first = k++ == 0 && !o.bias_correction;
    const auto mean = [&](double old, double now) { return first ? now : o.beta * old + (1 - o.beta) * now; };
    fbar = mean(fbar, pass.info.loss);
    gam = mean(gam, total(pass, [](const auto& item) { return dot(item.p.data, item.p.grad); }));
    Model model{fbar, gam, o.bias_correction ? 1 - std::pow(o.beta, k) : 1, 0, 0};
    for (auto& item : pass.items) {
      Tensor& d = item.s("d");
      const Ema average(item.t == 1 && !o.bias_correction ? 0 : o.beta);
      for_each_element(d, item.p.grad, [=](real& x, real g) { x = average(x, g); });
      model.dot += dot(item.p.data, d);
      model.square += sum_of_squares(d);
    }
    step_groups(pass, model, [](auto& item, double tau, double lr) {
      const Tensor& d = item.s("d");
      const real shrink = real(1 / (1 + lr * item.o.weight_decay));
      for_each_element(item.p.data, d, [=, c = real(tau)](real& w, real x) { w = (w - c * x) * shrink; });
    });
  }
};

struct MomoAdam {
  struct Options {
    double lr = 1e-2, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, lb = 0;
    bool divide = true, use_fstar = false;
    void visit(auto&& f) {
      f("lr", lr, "largest step size", positive());
      f("beta1", beta1, "decay of the means of loss and gradient", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the bias-corrected root", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("lb", lb, "lower bound of the loss");
      f("divide", divide, "decay by w/(1 + lr*weight_decay) instead of w*(1 - lr*weight_decay)");
      f("use_fstar", use_fstar, "estimate the lower bound on the way (MoMo-Adam*)");
    }
  };
  static Needs needs(const Options&) { return {.loss = true}; }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    double &fbar = pass.shared.scalar("fbar"), &gam = pass.shared.scalar("gam"), &k = pass.shared.scalar("k");
    ++k;
    fbar = o.beta1 * fbar + (1 - o.beta1) * pass.info.loss;
    gam = o.beta1 * gam +
          (1 - o.beta1) * total(pass, [](const auto& item) { return dot(item.p.data, item.p.grad); });
    Model model{fbar, gam, 1 - std::pow(o.beta1, k), 0, 0};
    const Ema first(o.beta1), second(o.beta2);
    for (auto& item : pass.items) {
      Tensor &d = item.s("d"), &v = item.s("v");
      for_each_element(item.p.grad, d, v, [=](real g, real& mean, real& square) {
        mean = first(mean, g);
        square = second(square, g * g);
      });
      model.dot += dot(item.p.data, d);
      const double root = 1 / std::sqrt(bias_correction(o.beta2, item.t)), eps = o.eps;
      model.square += sum_elements(d, v, [=](real x, real square) {
        const double y = static_cast<double>(x);
        return y == 0 ? 0 : y * y / (root * std::sqrt(static_cast<double>(square)) + eps);
      });
    }
    step_groups(pass, model, [&](auto& item, double tau, double lr) {
      const Tensor &d = item.s("d"), &v = item.s("v");
      const double a = lr * item.o.weight_decay;
      const real keep = real(o.divide ? 1 : 1 - a), shrink = real(o.divide ? 1 / (1 + a) : 1),
                 eps = real(o.eps);
      const real root = real(1 / std::sqrt(bias_correction(o.beta2, item.t)));
      for_each_element(item.p.data, d, v, [=, c = real(tau)](real& w, real x, real square) {
        w = (keep * w - (x == 0 ? real(0) : c * x / (root * std::sqrt(square) + eps))) * shrink;
      });
    });
  }
};

constexpr const char* kMomoPaper = "Schaipp, Ohana, Eickenberg, Defazio, Gower, ICML 2024, arXiv 2305.07583";

}  // namespace

OptimizerEntry momo() {
  return rule_entry<Momo>(
      {"momo", "momentum with a Polyak-like step size from an averaged model", kMomoPaper, 5});
}
OptimizerEntry momo_adam() {
  return rule_entry<MomoAdam>(
      {"momo-adam", "Adam with a Polyak-like step size from an averaged model", kMomoPaper, 5});
}

}  // namespace gradus::rules
