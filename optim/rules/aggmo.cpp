// AggMo: aggregated momentum.
// Paper: Lucas, Sun, Zemel, Grosse, "Aggregated Momentum: Stability Through Passive Damping", ICLR 2019,
//        arXiv 1804.00325.
//   g <- g + weight_decay*w
//   v_i = betas_i*v_i + g   for each of the K betas
//   w <- w - lr/K * sum_i v_i
#include <fmt/format.h>

#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AggMo {
  struct Options {
    double lr = 0.1, weight_decay = 0;
    std::vector<double> betas = {0, 0.9, 0.99};
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("betas", betas, "shares of the velocities that are kept", decay_rate());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void check(const Options& o) {
    if (o.betas.empty()) fail<UsageError>("optimizer aggmo: betas needs at least one number");
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real step = real(o.lr * k.lr_scale / static_cast<double>(o.betas.size())),
               l2 = real(o.weight_decay);
    // Every velocity takes the gradient with the decay of the weights as they were: the last pass moves them.
    Tensor sum = Tensor::zeros(p.data.shape());
    for (size_t i = 0; i < o.betas.size(); ++i)
      for_each_element(std::as_const(p.data), p.grad, s(fmt::format("v{}", i)), sum,
                       [=, b = real(o.betas[i])](real w, real g, real& v, real& all) {
                         v = b * v + (g + l2 * w);
                         all += v;
                       });
    for_each_element(p.data, std::as_const(sum), [=](real& w, real all) { w -= step * all; });
  }
};

}  // namespace

OptimizerEntry aggmo() {
  return rule_entry<AggMo>({"aggmo", "several velocities with different decay, averaged",
                            "Lucas, Sun, Zemel, Grosse, ICLR 2019, arXiv 1804.00325", 6});
}

}  // namespace gradus::rules
