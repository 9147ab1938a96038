// Fromage: steps relative to the norm of each tensor.
// Paper: Bernstein, Vahdat, Yue, Liu, "On the distance between two neural networks and the stability of learning",
//        NeurIPS 2020, arXiv 2002.03432, Algorithm 1.
//   w <- (w - lr*g*||w||/||g||)/sqrt(1 + lr^2)        per tensor; if either norm is 0 the ratio is 1
//   p_bound: where then ||w|| > p_bound*||w_0||, w is scaled back to that norm
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Fromage {
  struct Options {
    double lr = 0.01;
    std::optional<double> p_bound;
    void visit(auto&& f) {
      f("lr", lr, "step size relative to the tensor's norm", positive());
      f("p_bound", p_bound, "largest norm relative to the first; none: no limit", positive());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, of_w = norm(p.data), of_g = norm(p.grad);
    if (o.p_bound && k.t == 1) s.scalar("limit") = *o.p_bound * of_w;
    const real keep = real(1 / std::sqrt(1 + lr * lr));
    const real step = real(lr * (of_w > 0 && of_g > 0 ? of_w / of_g : 1) / std::sqrt(1 + lr * lr));
    for_each_element(p.data, p.grad, [=](real& w, real g) { w = keep * w - step * g; });
    if (!o.p_bound) return;
    const double limit = s.scalar("limit"), now = norm(p.data);
    if (now > limit) for_each_element(p.data, [c = real(limit / now)](real& w) { w *= c; });
  }
};

}  // namespace

OptimizerEntry fromage() {
  return rule_entry<Fromage>({"fromage", "steps relative to the norm of each tensor",
                              "Bernstein, Vahdat, Yue, Liu, NeurIPS 2020, arXiv 2002.03432", 2});
}

}  // namespace gradus::rules
