// RMSprop.
// Source: Tieleman, Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012; the centered form as in
//        Graves, 2013, arXiv 1308.0850. Details as torch.optim.RMSprop (eps outside the root, also when centered).
//   g <- g + weight_decay*w
//   v = beta2*v + (1-beta2)*g^2
//   centered: a = beta2*a + (1-beta2)*g,  d = sqrt(v - a^2) + eps;  else d = sqrt(v) + eps
//   w <- w - lr*g/d, or with momentum: u = momentum*u + g/d, w <- w - lr*u
#include "optim/rules/rmsprop.h"

#include "optim/rules/rules.h"

namespace gradus::rules {
void rmsprop_update(Param& p, State& s, const RmsPropOptions& o, const StepInfo& k) {
  const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), eps = real(o.eps),
             mu = real(o.momentum);
  const Ema mean(o.beta2);
  const auto plain = [=](real g, real& v) {
    v = mean(v, g * g);
    return g / (std::sqrt(v) + eps);
  };
  const auto centered = [=](real g, real& v, real& a) {
    v = mean(v, g * g);
    a = mean(a, g);
    return g / (std::sqrt(std::max(v - a * a, real(0))) + eps);
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

namespace {

struct RmsProp {
  using Options = RmsPropOptions;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { rmsprop_update(p, s, o, k); }
};

}  // namespace

OptimizerEntry rmsprop() {
  return rule_entry<RmsProp>({.name = "rmsprop",
                              .summary = "gradient over the root of its running mean square",
                              .paper = "Tieleman, Hinton, lecture 6.5, 2012; form of torch.optim.RMSprop",
                              .equations =
                                  "g = g + weight_decay*w\n"
                                  "v = beta2*v + (1-beta2)*g^2\n"
                                  "centered: a = beta2*a + (1-beta2)*g, v - a^2 in place of v below\n"
                                  "u = momentum*u + g/(sqrt(v) + eps)\n"
                                  "w = w - lr*u"});
}

}  // namespace gradus::rules
