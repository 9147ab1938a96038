// Sophia: a mean gradient over a running diagonal of the Hessian, cut to +-1 element by element.
// Paper: Liu, Li, Hall, Liang, Ma, "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model
//        Pre-training", ICLR 2024, arXiv 2305.14342.
//   m = beta1*m + (1-beta1)*g
//   steps 1, 1+k, ...:  h = beta2*h + (1-beta2)*d
//   w <- w*(1 - lr*weight_decay) - lr*clamp(m/max(gamma*h, eps), -1, 1)
//   sophia-h:  d = z*(H z),  z standard normal
//   sophia-g:  d = B*q^2,  q the batch's mean gradient with labels drawn from the model's own distribution, B how many
// Labels of classes and tokens are drawn from the softmax, real ones around the output with variance 1. The released code
// keeps B out of h and multiplies by it in the step, which is the same.
#include <algorithm>
#include <type_traits>

#include "core/error.h"
#include "core/rng.h"
#include "optim/rules/objective_rules.h"
#include "optim/rules/probes.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct SophiaOptions {
  double lr = 1e-3, beta1 = 0.96, beta2 = 0.99, gamma = 0.01, eps = 1e-12, weight_decay = 0.1;
  int64 k = 10;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the Hessian's diagonal", decay_rate());
    f("gamma", gamma, "how much of the diagonal divides: larger cuts fewer elements", positive());
    f("eps", eps, "smallest divisor", epsilon());
    f("k", k, "steps between two estimates of the diagonal", at_least(1));
    f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
  }
};
struct SophiaGOptions : SophiaOptions {
  SophiaGOptions() { gamma = 0.05; }
};

template <bool kSampled>
struct Sophia {
  using Options = std::conditional_t<kSampled, SophiaGOptions, SophiaOptions>;
  static constexpr bool kDecoupled = true;
  static Needs needs(const Options&) { return {.hvp = !kSampled, .sampled_labels = kSampled}; }

  // Estimates of the diagonal, one an item.
  static std::vector<Tensor> estimates(Pass<Options>& pass) {
    Around around(pass);
    std::vector<Tensor> d;
    if constexpr (kSampled) {
      const SampledGradient sampled =
          pass.objective.sampled_gradient(Rng(static_cast<std::uint64_t>(pass.info.step)).fork("labels"));
      const std::vector<Tensor> q = around.of_items(sampled.gradient);
      for (const auto& item : pass.items) {
        d.push_back(Tensor::zeros(item.p.data.shape()));
        if (!q[item.p.index].defined()) continue;
        for_each_element(d.back(), q[item.p.index],
                         [b = real(sampled.labels)](real& to, real x) { to = b * x * x; });
        if (!all_finite(d.back()))
          fail<NumericError>("the gradient of '{}' with sampled labels is not finite; nothing was changed",
                             item.p.name);
      }
    } else {
      const DiagonalEstimate now = hessian_diagonal_by_normals(pass, around);
      for (const auto& item : pass.items) {
        d.push_back(now.product[item.p.index].clone());
        for_each_element(d.back(), now.z[item.p.index], [](real& h, real z) { h *= z; });
      }
    }
    return d;
  }

  static void step(Pass<Options>& pass) {
    if ((pass.info.step - 1) % pass.options.k == 0) {
      const std::vector<Tensor> d = estimates(pass);
      for (auto& item : pass.items)
        for_each_element(item.s("h"), d[item.p.index],
                         [mean = Ema(item.o.beta2)](real& h, real x) { h = mean(h, x); });
    }
    for (auto& item : pass.items) {
      const double step = item.o.lr * pass.info.lr_scale;
      const Ema mean(item.o.beta1);
      const real keep = real(1 - step * item.o.weight_decay), lr = real(step), gamma = real(item.o.gamma),
                 eps = real(item.o.eps);
      for_each_element(item.p.data, item.p.grad, item.s("m"), std::as_const(item.s("h")),
                       [=](real& w, real g, real& m, real h) {
                         m = mean(m, g);
                         w = keep * w - lr * std::clamp(m / std::max(gamma * h, eps), real(-1), real(1));
                       });
    }
  }
};

}  // namespace

OptimizerEntry sophia_h() {
  return rule_entry<Sophia<false>>({"sophia-h", "clipped steps over a Hessian diagonal by random vectors",
                                    "Liu, Li, Hall, Liang, Ma, ICLR 2024, arXiv 2305.14342", 1});
}
OptimizerEntry sophia_g() {
  return rule_entry<Sophia<true>>({"sophia-g", "clipped steps over a Gauss-Newton diagonal by sampled labels",
                                   "Liu, Li, Hall, Liang, Ma, ICLR 2024, arXiv 2305.14342", 1});
}

}  // namespace gradus::rules
