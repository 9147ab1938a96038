// AccSGD.
// Paper: Kidambi, Netrapalli, Jain, Kakade, "On the insufficiency of existing momentum schemes for Stochastic
//        Optimization", ICLR 2018, arXiv 1803.05591.
//   g <- g + weight_decay*w
//   beta = small_const^2*xi/kappa,  zeta = small_const/(small_const + beta)          a starts at the first w
//   a = beta*(w - lr*kappa/small_const*g) + (1-beta)*a                               from the old w
//   w <- zeta*(w - lr*g) + (1-zeta)*a
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AccSgd {
  struct Options {
    double lr = 1e-3, kappa = 1000, xi = 10, small_const = 0.7, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "short step", positive());
      f("kappa", kappa, "long step over short step", positive());
      f("xi", xi, "statistical advantage: at most sqrt(kappa)", positive());
      f("small_const", small_const, "a constant below 1", positive());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, b = o.small_const * o.small_const * o.xi / o.kappa,
                 z = o.small_const / (o.small_const + b);
    const real l2 = real(o.weight_decay), beta = real(b), rest = real(1 - b), zeta = real(z),
               other = real(1 - z);
    const real long_step = real(lr * o.kappa / o.small_const), short_step = real(lr);
    Tensor& average = s.starting_at("a", p.data);
    for_each_element(p.data, p.grad, average, [=](real& w, real g, real& a) {
      g += l2 * w;
      a = beta * (w - long_step * g) + rest * a;
      w = zeta * (w - short_step * g) + other * a;
    });
  }
};

}  // namespace

OptimizerEntry accsgd() {
  return rule_entry<AccSgd>({"accsgd", "accelerated SGD: a short and a long step, averaged",
                             "Kidambi, Netrapalli, Jain, Kakade, ICLR 2018, arXiv 1803.05591"});
}

}  // namespace gradus::rules
