// bSAM: SAM as the relaxation of a Bayes objective; its second moment is a posterior precision.
// Paper: Moellenhoff, Khan, "SAM as an Optimal Relaxation of Bayes", ICLR 2023, arXiv 2210.01620.
//   s starts at s_init;   z standard normal
//   g = grad L(w + z/sqrt(num_data*s))
//   e = grad L(w + rho*g/s)
//   m = beta1*m + (1-beta1)*(e + weight_decay*w)
//   s = beta2*s + (1-beta2)*(sqrt(s)*|g| + weight_decay + damping)
//   w <- w - lr*m/s                                                    with the new s; no corrections
// Both gradients on one batch. num_data is the number of training examples: 1/(num_data*s) is the posterior's variance.
#include <cmath>

#include "optim/rules/objective_rules.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/draws.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Bsam {
  struct Options {
    double lr = 0.5, beta1 = 0.9, beta2 = 0.999, rho = 0.05, weight_decay = 1e-4, damping = 0.1, s_init = 1;
    int64 num_data = 50000;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the precision", decay_rate());
      f("rho", rho, "radius of the neighbourhood, relative to the variance", at_least(0));
      f("weight_decay", weight_decay, "precision of the prior", at_least(0));
      f("damping", damping, "added to the precision", at_least(0));
      f("num_data", num_data, "number of training examples", at_least(1));
      f("s_init", s_init, "precision at the start", positive());
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    Around around(pass);
    std::vector<Tensor> g, e;
    {
      TrialWeights weights(pass);
      const real data = real(o.num_data), rho = real(o.rho);
      for (auto& item : pass.items) {
        const Tensor z = normal_probe(pass.objective, item.p.name, item.p.data.shape(), pass.info.step);
        Tensor& s = item.s.starting_at("s", Tensor::full(item.p.data.shape(), real(item.o.s_init)));
        for_each_element(item.p.data, z, std::as_const(s),
                         [=](real& w, real x, real precision) { w += x / std::sqrt(data * precision); });
      }
      g = around.gradients();
      weights.restore();
      for (auto& item : pass.items)
        for_each_element(item.p.data, std::as_const(g[item.p.index]), std::as_const(item.s("s")),
                         [=](real& w, real x, real precision) { w += rho * x / precision; });
      e = around.gradients();
    }
    for (auto& item : pass.items) {
      const real decay = real(item.o.weight_decay), added = real(item.o.weight_decay + item.o.damping),
                 lr = real(item.o.lr * pass.info.lr_scale);
      const Ema mean(item.o.beta1), precision(item.o.beta2);
      for_each_element(item.p.data, std::as_const(g[item.p.index]), std::as_const(e[item.p.index]),
                       item.s("m"), item.s("s"), [=](real& w, real noisy, real sharp, real& m, real& s) {
                         m = mean(m, sharp + decay * w);
                         s = precision(s, std::sqrt(s) * std::abs(noisy) + added);
                         w -= lr * m / s;
                       });
    }
  }
};

}  // namespace

OptimizerEntry bsam() {
  return rule_entry<Bsam>({"bsam", "SAM whose radius is a posterior's variance",
                           "Moellenhoff, Khan, ICLR 2023, arXiv 2210.01620", 8});
}

}  // namespace gradus::rules
