// ALI-G and the Polyak step: step sizes from the loss.
// Papers: Berrada, Zisserman, Kumar, "Training Neural Networks for and by Interpolation", ICML 2020, arXiv 1906.05661;
//         Polyak 1987; Loizou, Vaswani, Laradji, Lacoste-Julien, "Stochastic Polyak Step-size for SGD", AISTATS 2021,
//         arXiv 2002.10542, in the form of optax.
//   alig:       f = f + sum weight_decay/2*||w||^2;   g <- g + weight_decay*w;   eta = f/(||g||^2 + eps),  e = min(eta, lr)
//               w <- w - e*g;   momentum > 0: b = momentum*b - e*g;  w <- w + momentum*b
//   polyak-sgd: eta = min((f - f_star)/(c*||g||^2 + eps), lr), 0 where the divisor is 0;   w <- w - eta*g   (optax: c = 1)
// f is the loss of the batch, norms are over all tensors.
#include "optim/rules/layer.h"
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Alig {
  struct Options {
    double lr = 0.1, momentum = 0, eps = 1e-5, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "largest step size", positive());
      f("momentum", momentum, "share of the velocity that is kept", decay_rate());
      f("eps", eps, "added to the squared norm of the gradient", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to loss and gradient", at_least(0));
    }
  };
  static Needs needs(const Options&) { return {.loss = true}; }
  static double prepare(Pass<Options>& pass) {
    double f = pass.info.loss, gg = 0;
    for (auto& item : pass.items) {
      f += item.o.weight_decay / 2 * sum_of_squares(item.p.data);
      const double length = decayed_norm(item.p.data, item.p.grad, item.o.weight_decay);
      gg += length * length;
    }
    return pass.shared.scalar("eta") = f / (gg + pass.options.eps);
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k, double eta) {
    const real e = real(std::min(eta, o.lr * k.lr_scale)), l2 = real(o.weight_decay), mu = real(o.momentum);
    if (o.momentum == 0)
      for_each_element(p.data, p.grad, [=](real& w, real g) { w -= e * (g + l2 * w); });
    else
      for_each_element(p.data, p.grad, s("b"), [=](real& w, real g, real& b) {
        const real step = e * (g + l2 * w);
        b = mu * b - step;
        w += mu * b - step;
      });
  }
};

struct PolyakSgd {
  struct Options {
    double lr = 1, f_star = 0, eps = 0, c = 1;
    void visit(auto&& f) {
      f("lr", lr, "largest step size", positive());
      f("f_star", f_star, "least value of the loss");
      f("eps", eps, "added to the squared norm of the gradient", at_least(0));
      f("c", c, "factor on the squared norm", positive());
    }
  };
  static Needs needs(const Options&) { return {.loss = true}; }
  static double prepare(Pass<Options>& pass) {
    const double gg =
        pass.options.c * total(pass, [](const auto& item) { return sum_of_squares(item.p.grad); }) +
        pass.options.eps;
    const double wanted = gg > 0 ? (pass.info.loss - pass.options.f_star) / gg : 0;
    return pass.shared.scalar("eta") = std::min(wanted, pass.options.lr * pass.info.lr_scale);
  }
  static void update(Param& p, State&, const Options&, const StepInfo&, double eta) {
    for_each_element(p.data, p.grad, [e = real(eta)](real& w, real g) { w -= e * g; });
  }
};

}  // namespace

OptimizerEntry alig() {
  return rule_entry<Alig>({"alig", "Polyak's step size with a limit, for networks that fit their data",
                           "Berrada, Zisserman, Kumar, ICML 2020, arXiv 1906.05661", 3});
}
OptimizerEntry polyak_sgd() {
  return rule_entry<PolyakSgd>({"polyak-sgd",
                                "step size: loss above its least value over the squared gradient",
                                "Polyak 1987; Loizou et al., AISTATS 2021, arXiv 2002.10542", 1});
}

}  // namespace gradus::rules
