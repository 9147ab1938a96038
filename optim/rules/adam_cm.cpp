// Adam with critical momenta.
// Paper: Malviya, Mordido, Baratin, Babanezhad Harikandeh, Huang, Lacoste-Julien, Pascanu, Chandar, "Promoting
//        Exploration in Memory-Augmented Adam using Critical Momenta", TMLR 2024, arXiv 2307.09638, Algorithm 1.
//   key = ||g||, synced: the sum of ||g|| over the tensors of the group
//   w <- w - lr*weight_decay*w
//   buffer empty: u = 0, the buffer takes (key, g)
//   else: m = beta1*m + (1-beta1)*g;  u = m + mean of the buffer;  the buffer is offered (key, m)
//   v = beta2*v + (1-beta2)*u^2                                               amsgrad: max of v
//   all keys of the buffer <- decay*key
//   w <- w - lr/(1-beta1^t) * u/( sqrt(v/(1-beta2^t)) + eps )
// kappa = 0 switches the buffer off: AdamW. (The released class fails then.)
#include "optim/rules/adam.h"
#include "optim/rules/rules.h"
#include "optim/vocabulary/critical_buffer.h"

namespace gradus::rules {
namespace {

struct AdamCm {
  struct Options {
    CriticalOptions critical{.topC = 5};
    int64 kappa = 1;
    AdamOptions adam;
    Options() { adam.forms.decoupled = true; }
    void visit(auto&& f) {
      critical.visit(f);
      f("kappa", kappa, "0 switches the buffer off", between(0, 1));
      adam.visit(f);
      adam.forms.visit_amsgrad(f);
    }
  };

  static constexpr bool kDecoupled = true;
  static std::vector<double> prepare(Pass<Options>& all) { return critical_keys(all); }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k,
                     const std::vector<double>& keys) {
    if (o.kappa == 0) return adam_update(p, s, o.adam, k);
    const double lr = o.adam.lr * k.lr_scale, key = keys[p.index];
    CriticalBuffer buffer(s, o.critical);
    const bool start = buffer.empty();
    const real inverse = real(buffer.inverse_count());
    const real keep = Decay::decoupled(o.adam.forms.weight_decay, lr).keep, eps = real(o.adam.eps);
    const real step = real(lr / bias_correction(o.adam.beta1, k.t));
    const real root = real(1 / std::sqrt(bias_correction(o.adam.beta2, k.t)));
    const Ema first(start ? 1 : o.adam.beta1), second(o.adam.beta2);  // m stays 0 at the start
    const auto both = [=](real g, real& m, real sum, real& v) {
      m = first(m, g);
      const real u = m + inverse * sum;
      v = second(v, u * u);
      return u;
    };
    const auto move = [=](real& w, real g, real& m, real sum, real& v) {
      const real u = both(g, m, sum, v);
      w = keep * w - step * u / (std::sqrt(v) * root + eps);
    };
    Tensor& sum = buffer.sum();
    if (o.adam.forms.amsgrad) {
      for_each_element(p.data, p.grad, s("m"), std::as_const(sum), s("v"), s("vmax"),
                       [=](real& w, real g, real& m, real total, real& v, real& top) {
                         const real u = both(g, m, total, v);
                         top = std::max(top, v);
                         w = keep * w - step * u / (std::sqrt(top) * root + eps);
                       });
      buffer.insert(key, start ? p.grad : s("m"));
    } else if (start) {
      for_each_element(p.data, p.grad, s("m"), std::as_const(sum), s("v"), move);
      buffer.insert(key, p.grad);
    } else if (Tensor* place = buffer.claim(key)) {
      for_each_element(p.data, p.grad, s("m"), sum, s("v"), *place,
                       [=](real& w, real g, real& m, real& total, real& v, real& slot) {
                         move(w, g, m, total, v);
                         total += m - slot;
                         slot = m;
                       });
    } else {
      for_each_element(p.data, p.grad, s("m"), std::as_const(sum), s("v"), move);
    }
    buffer.decay();
  }
};

}  // namespace

OptimizerEntry adam_cm() {
  return rule_entry<AdamCm>({"adam-cm", "Adam on momentum plus the mean of past critical momenta",
                             "Malviya et al., TMLR 2024, arXiv 2307.09638", 1});
}

}  // namespace gradus::rules
