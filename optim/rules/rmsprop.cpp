// RMSprop.
// Source: Tieleman, Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012; the centered form as in
//        Graves, 2013, arXiv 1308.0850. Details as torch.optim.RMSprop (eps outside the root, also when centered).
//   g <- g + weight_decay*w
//   v = beta2*v + (1-beta2)*g^2
//   centered: a = beta2*a + (1-beta2)*g,  d = sqrt(v - a^2) + eps;  else d = sqrt(v) + eps
//   w <- w - lr*g/d, or with momentum: u = momentum*u + g/d, w <- w - lr*u
//   eps_inside_root: d = sqrt(v + eps), centered sqrt(v - a^2 + eps): the form analysed by Zhang, Zhou, Zou, TMLR 2025,
//   arXiv 2404.01436 (there zeta: eps)
#include "optim/rules/rmsprop.h"

#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

// One step; root(x) is the divisor of a mean square x.
template <class Root>
void rmsprop_step(Param& p, State& s, const RmsPropOptions& o, const StepInfo& k, const Root& root) {
  const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), mu = real(o.momentum);
  const Ema mean(o.beta2);
  const auto plain = [=](real g, real& v) {
    v = mean(v, g * g);
    return g / root(v);
  };
  const auto centered = [=](real g, real& v, real& a) {
    v = mean(v, g * g);
    a = mean(a, g);
    return g / root(std::max(v - a * a, real(0)));
  };
  if (!o.centered && o.momentum == 0)
    for_each_element(p.data, p.grad, s("v"),
                     [=](real& w, real g, real& v) { w -= lr * plain(g + l2 * w, v); });
  else if (!o.centered)
    for_each_element(p.data, p.grad, s("v"), s("u"), [=](real& w, real g, real& v, real& u) {
      u = mu * u + plain(g + l2 * w, v);
      w -= lr * u;
    });
  else if (o.momentum == 0)
    for_each_element(p.data, p.grad, s("v"), s("a"),
                     [=](real& w, real g, real& v, real& a) { w -= lr * centered(g + l2 * w, v, a); });
  else
    for_each_element(p.data, p.grad, s("v"), s("a"), s("u"), [=](real& w, real g, real& v, real& a, real& u) {
      u = mu * u + centered(g + l2 * w, v, a);
      w -= lr * u;
    });
}

}  // namespace

void rmsprop_update(Param& p, State& s, const RmsPropOptions& o, const StepInfo& k) {
  const real eps = real(o.eps);
  if (o.eps_inside_root)
    rmsprop_step(p, s, o, k, [=](real x) { return std::sqrt(x + eps); });
  else
    rmsprop_step(p, s, o, k, [=](real x) { return std::sqrt(x) + eps; });
}

namespace {

struct RmsProp {
  struct Options : RmsPropOptions {
    void visit(auto&& f) {
      RmsPropOptions::visit(f);
      f("eps_inside_root", eps_inside_root, "add eps to the mean square instead of its root");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { rmsprop_update(p, s, o, k); }
};

}  // namespace

OptimizerEntry rmsprop() {
  return rule_entry<RmsProp>({.name = "rmsprop",
                              .summary = "gradient over the root of its running mean square",
                              .paper = "Tieleman, Hinton, lecture 6.5, 2012; form of torch.optim.RMSprop"});
}

}  // namespace gradus::rules
