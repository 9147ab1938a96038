// Adam. Under names of their own: AdamW and AMSGrad in adamw.cpp; forms with another second moment in adam_forms.cpp.
// Papers: Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 1;
//         Liang et al., "Cautious Optimizers", 2024, arXiv 2411.16085 (cautious).
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g            v = beta2*v + (1-beta2)*g^2            amsgrad: vmax = max(vmax, v)
//   w <- w - lr * mhat/(sqrt(vhat) + eps),   mhat = m/(1-beta1^t),  vhat = v/(1-beta2^t)  (vmax for v)
//   cautious: only where m*g > 0, the step times n/(count + 1), n elements of which count take part
//   bias_correction = false: m, v for mhat, vhat
// The cautious factor is the paper's; released code divides by max(count/n, 1e-3) instead.
#include "optim/rules/adam.h"

#include "core/error.h"
#include "optim/rules/rules.h"

namespace gradus::rules {

AdamScalars::AdamScalars(const AdamOptions& o, const StepInfo& k)
    : lr(o.lr * k.lr_scale),
      c1(o.bias_correction ? bias_correction(o.beta1, k.t) : 1),
      c2(o.bias_correction ? bias_correction(o.beta2, k.t) : 1),
      decay(Decay::of(o.weight_decay, lr, o.decoupled)) {}

void adam_check(const AdamOptions& o) {
  const bool plain = !o.amsgrad && !o.cautious;
  if (o.variance == "rank1" && !(plain && !o.eps_inside_root))
    fail<UsageError>(
        "optimizer adam: variance=rank1 goes with neither amsgrad, cautious nor eps_inside_root");
  if (o.eps_inside_root && !plain)
    fail<UsageError>("optimizer adam: eps_inside_root goes with neither amsgrad nor cautious");
}

void adam_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k) {
  if (o.variance == "rank1" && p.is_matrix()) return adam_rank1_update(p, s, o, k);
  if (o.eps_inside_root) return adam_inside_root_update(p, s, o, k);
  const AdamScalars scalars(o, k);
  const Decay decay = scalars.decay;
  const Ema first(o.beta1), second(o.beta2);
  const real root = real(1 / std::sqrt(scalars.c2)), eps = real(o.eps);
  double step_size = scalars.lr / scalars.c1;
  const auto agrees = [=](real w, real g, real m) {  // of the mean that will be
    g += decay.l2 * w;
    return first(m, g) * g > 0;
  };
  if (o.cautious) {
    const double count = sum_elements(p.data, p.grad, s("m"), agrees);
    step_size *= static_cast<double>(p.data.numel()) / (count + 1);
  }
  const real step = real(step_size);
  const bool all = !o.cautious;
  const auto moments = [=](real w, real& g, real& m, real& v) {
    g += decay.l2 * w;
    m = first(m, g);
    v = second(v, g * g);
  };
  const auto move = [=](real& w, real g, real m, real v) {
    const real u = step * m / (std::sqrt(v) * root + eps);
    w = decay.keep * w - (all || m * g > 0 ? u : real(0));
  };
  if (o.amsgrad)
    for_each_element(p.data, p.grad, s("m"), s("v"), s("vmax"),
                     [=](real& w, real g, real& m, real& v, real& top) {
                       moments(w, g, m, v);
                       top = std::max(top, v);
                       move(w, g, m, top);
                     });
  else
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      moments(w, g, m, v);
      move(w, g, m, v);
    });
}

namespace {

struct Adam {
  struct Options : AdamOptions {
    void visit(auto&& f) {
      visit_common(f);
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient (AdamW)");
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
      f("cautious", cautious, "move only where momentum and gradient agree");
      f("eps_inside_root", eps_inside_root, "add eps to the second moment instead of its root");
      f("bias_correction", bias_correction, "divide the moments by 1 - beta^t");
      f("variance", variance, "second moment of every entry, or of a matrix's rows and columns",
        choices({"full", "rank1"}));
    }
  };
  static void check(const Options& o) { adam_check(o); }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

}  // namespace

OptimizerEntry adam() {
  return rule_entry<Adam>({"adam", "bias-corrected mean over root mean square of the gradient",
                           "Kingma, Ba, ICLR 2015, arXiv 1412.6980", kAdamEquations});
}

}  // namespace gradus::rules
