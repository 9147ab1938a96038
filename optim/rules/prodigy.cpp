// Prodigy: Adam whose step size is a growing estimate d of the distance to the solution.
// Paper: Mishchenko, Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", ICML 2024, arXiv
//        2306.06101. Details as konstmish/prodigy.
//   dlr = d*lr*bc,  bc = sqrt(1-beta2^t)/(1-beta1^t) with use_bias_correction, else 1
//   num = beta3*num + (d/d0)*dlr * sum <g, w0 - w>                       sums over all parameters
//   m = beta1*m + d*(1-beta1)*g;     v = beta2*v + d^2*(1-beta2)*g^2
//   s = beta3*s + (d/d0)*dlr*g       (d in place of dlr with safeguard_warmup);     den = sum ||s||_1
//   dhat = d_coef*num/den;  if d = d0: d = max(d, dhat);  dmax = max(dmax, dhat);  d = min(dmax, d*growth_rate)
//   w <- w - dlr*weight_decay*w - dlr*m/(sqrt(v) + d*eps)                the old dlr, the new d beside eps
// beta1 = 0 keeps no m: the step is dlr*d*g/(...) with the new d. decoupled = false: g <- g + weight_decay*w first.
// Groups may have the common lr, or 0: then only decay. d, num and den are kept in double.
#include <array>
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/sums.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Prodigy {
  struct Options {
    double lr = 1, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, d0 = 1e-6, d_coef = 1;
    std::optional<double> beta3, growth_rate;
    bool decoupled = true, use_bias_correction = false, safeguard_warmup = false;
    int64 slice_p = 1;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found; 1, and 0 in a group that is not to move", at_least(0));
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("beta3", beta3, "decay of the sums behind d; none: sqrt(beta2)", decay_rate());
      f("eps", eps, "added to the root, times d", at_least(0));
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("use_bias_correction", use_bias_correction, "Adam's bias correction inside the step size");
      f("safeguard_warmup", safeguard_warmup, "keep warm-up out of the denominator of d");
      f("d0", d0, "first estimate of the distance", positive());
      f("d_coef", d_coef, "factor on the estimate", positive());
      f("growth_rate", growth_rate, "largest factor on d in a step; none: no limit", at_least(1));
      f("slice_p", slice_p, "the sums use every slice_p-th entry", at_least(1));
    }
  };

  // Every k-th entry of a flattened tensor, to be read.
  static const Tensor slice(const Tensor& t, int64 k) {
    if (k == 1) return t;
    Tensor out(Shape{(t.numel() + k - 1) / k});
    real* to = out.mutable_data();
    for (int64 i = 0; i < out.numel(); ++i) to[i] = t.data()[i * k];
    return out;
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    State& shared = pass.shared;
    double &d = shared.scalar("d", o.d0), &d_max = shared.scalar("d_max", o.d0), &num = shared.scalar("num"),
           &k = shared.scalar("k");
    const int64 t = static_cast<int64>(k) + 1;
    const double bc =
        o.use_bias_correction ? std::sqrt(bias_correction(o.beta2, t)) / bias_correction(o.beta1, t) : 1;
    const double lr = o.lr * pass.info.lr_scale, dlr = d * lr * bc, old_d = d;
    const double beta3 = o.beta3.value_or(std::sqrt(o.beta2));
    std::vector<Tensor> gradients;
    double product = 0, den = 0;
    for (auto& [p, s, own, group, steps] : pass.items) {
      if (own.lr != o.lr && own.lr != 0)
        fail<UsageError>("optimizer prodigy: a group's lr must be the common one or 0, not {}", own.lr);
      gradients.push_back(decayed_gradient(p, own.decoupled ? 0 : own.weight_decay));
      const Tensor& g = gradients.back();
      const Tensor part = slice(g, o.slice_p), now = slice(p.data, o.slice_p);
      const Tensor& start = s.starting_at("w0", now);
      if (own.lr == 0) continue;
      const real keep1 = real(o.beta1), take1 = real(old_d * (1 - o.beta1));
      const real keep2 = real(o.beta2), take2 = real(old_d * old_d * (1 - o.beta2));
      const real keep3 = real(beta3), take3 = real(old_d / o.d0 * (o.safeguard_warmup ? old_d : dlr));
      const auto second = [=](real x, real& v) { v = keep2 * v + take2 * (x * x); };
      const auto sums = [=](real x, real from, real w, real& y, double& moved, double& size) {
        y = keep3 * y + take3 * x;
        moved = x * (from - w), size = std::abs(y);
      };
      Tensor& sum = s("s", part.shape());
      const Tensor& weights = p.data;
      std::array<double, 2> found;
      if (o.slice_p == 1 && o.beta1 > 0) {  // one pass over all
        found = for_each_with_sums<2>(
            g, start, weights, s("m"), s("v"), sum,
            [=](real x, real from, real w, real& m, real& v, real& y, double& moved, double& size) {
              m = keep1 * m + take1 * x;
              second(x, v);
              sums(x, from, w, y, moved, size);
            });
      } else {
        found = for_each_with_sums<2>(part, start, now, sum, sums);
        for_each_element(g, s("v"), second);
        if (o.beta1 > 0) for_each_element(g, s("m"), [=](real x, real& m) { m = keep1 * m + take1 * x; });
      }
      product += found[0];
      den += found[1];
    }
    num = beta3 * num + old_d / o.d0 * dlr * product;
    if (den == 0) return;
    if (lr > 0) {
      const double d_hat = o.d_coef * num / den;
      if (d == o.d0) d = std::max(d, d_hat);
      d_max = std::max(d_max, d_hat);
      d = o.growth_rate ? std::min(d_max, d * *o.growth_rate) : d_max;
    }
    ++k;
    for (size_t i = 0; i < pass.items.size(); ++i) {
      auto& [p, s, own, group, steps] = pass.items[i];
      const real keep = real(own.decoupled ? 1 - own.weight_decay * dlr : 1), eps = real(d * own.eps);
      const Tensor& g = gradients[i];
      if (own.lr == 0) {
        for_each_element(p.data, [=](real& w) { w *= keep; });
      } else if (o.beta1 > 0) {
        for_each_element(p.data, s("m"), s("v"), [=, c = real(dlr)](real& w, real m, real v) {
          w = keep * w - c * m / (std::sqrt(v) + eps);
        });
      } else {
        for_each_element(p.data, g, s("v"), [=, c = real(dlr * d)](real& w, real x, real v) {
          w = keep * w - c * x / (std::sqrt(v) + eps);
        });
      }
    }
  }
};

}  // namespace

OptimizerEntry prodigy() {
  return rule_entry<Prodigy>({"prodigy", "Adam with a step size found from the distance travelled",
                              "Mishchenko, Defazio, ICML 2024, arXiv 2306.06101", 4});
}

}  // namespace gradus::rules
