// COCOB-Backprop: coin betting, without a step size.
// Paper: Orabona, Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting", NeurIPS 2017,
//        arXiv 1705.07795, Algorithm 2. No lr: schedules do nothing.
//   g <- g + weight_decay*w
//   L = max(L, |g|), L = eps at first;   G = G + |g|;   R = max(R - g*(w - w0), 0);   c = c - g
//   w <- w0 + c/(L*max(G + L, alpha*L))*(L + R)                                        w0: the first w
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Cocob {
  struct Options {
    double alpha = 100, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("alpha", alpha, "holds the first bets back", positive());
      f("eps", eps, "largest gradient at the start", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo&) {
    const real alpha = real(o.alpha), l2 = real(o.weight_decay);
    Tensor &start = s.starting_at("w0", p.data), &largest = filled(s, "L", real(o.eps));
    for_each_element(p.data, p.grad, std::as_const(start), largest, s("G"), s("R"), s("c"),
                     [=](real& w, real g, real w0, real& L, real& G, real& reward, real& c) {
                       g += l2 * w;
                       L = std::max(L, std::abs(g));
                       G += std::abs(g);
                       reward = std::max(reward - g * (w - w0), real(0));
                       c -= g;
                       w = w0 + c / (L * std::max(G + L, alpha * L)) * (L + reward);
                     });
  }
};

}  // namespace

OptimizerEntry cocob() {
  return rule_entry<Cocob>(
      {"cocob", "bets on coins: no step size at all", "Orabona, Tommasi, NeurIPS 2017, arXiv 1705.07795"});
}

}  // namespace gradus::rules
