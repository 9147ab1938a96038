// Adam's other forms: what the options of adam.cpp change. Under names of their own: AdamW and AMSGrad in adamw.cpp.
// Papers: Kingma, Ba, ICLR 2015, arXiv 1412.6980 (m, v, the step);
//         Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101 (decoupled); Reddi, Kale, Kumar, ICLR 2018, arXiv 1904.09237
//         (amsgrad); Liang et al., "Cautious Optimizers", 2024, arXiv 2411.16085 (cautious);
//         Frans, Abbeel, Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000 (rank1);
//         Zhang, Zhou, Zou, "Convergence Guarantees for RMSProp and Adam in Generalized-smooth Non-convex Optimization
//         with Affine Noise Variance", TMLR 2025, arXiv 2404.01436 (eps_inside_root, bias_correction = false; eps: zeta).
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g            v = beta2*v + (1-beta2)*g^2            amsgrad: vmax = max(vmax, v)
//   w <- w - lr * mhat/(sqrt(vhat) + eps),   mhat = m/(1-beta1^t),  vhat = v/(1-beta2^t)  (vmax for v)
//   cautious: only where m*g > 0, the step times n/(count + 1), n elements of which count take part
//   bias_correction = false: m, v for mhat, vhat
//   variance = rank1, for matrices:  V = r c'/mean(r), r, c running means of the row and column means of g^2, in place of v
//   eps_inside_root:                 w <- w - lr * mhat/sqrt(vhat + eps)
// The cautious factor is the paper's; released code divides by max(count/n, 1e-3) instead. The V of rank1's published
// code is n/m times too large for (m,n) matrices.
#include "core/error.h"
#include "optim/rules/adam.h"
#include "optim/rules/matrix.h"

namespace gradus::rules {

bool AdamForms::any() const {
  return weight_decay != 0 || amsgrad || cautious || eps_inside_root || !bias_correction ||
         variance != "full";
}

void AdamForms::check() const {
  const bool plain = !amsgrad && !cautious;
  if (variance == "rank1" && !(plain && !eps_inside_root))
    fail<UsageError>(
        "optimizer adam: variance=rank1 goes with neither amsgrad, cautious nor eps_inside_root");
  if (eps_inside_root && !plain)
    fail<UsageError>("optimizer adam: eps_inside_root goes with neither amsgrad nor cautious");
}

namespace {

// What the elements of a step share.
struct AdamScalars {
  double lr, c1, c2;  // step size; 1 - beta1^t, 1 - beta2^t, or 1 without bias_correction
  Decay decay;
  AdamScalars(const AdamOptions& o, const StepInfo& k)
      : lr(o.lr * k.lr_scale),
        c1(o.forms.bias_correction ? bias_correction(o.beta1, k.t) : 1),
        c2(o.forms.bias_correction ? bias_correction(o.beta2, k.t) : 1),
        decay(Decay::of(o.forms.weight_decay, lr, o.forms.decoupled)) {}
};

void adam_rank1_update(Param& p, State& s, const AdamOptions& o, const AdamScalars& scalars) {
  Tensor g = as_matrix(p.grad).clone(), u(g.shape());
  const Tensor weights = p.data;
  if (scalars.decay.l2 != 0)
    for_each_element(g, weights, [l2 = scalars.decay.l2](real& x, real w) { x += l2 * w; });
  for_each_element(u, s("m"), std::as_const(g),
                   [mean = Ema(o.beta1), c = real(1 / scalars.c1)](real& x, real& m, real y) {
                     m = mean(m, y);
                     x = c * m;
                   });
  divide_by_rank1(u, g, s, o.beta2, scalars.c2, o.eps);
  for_each_element(
      p.data, std::as_const(u),
      [keep = scalars.decay.keep, c = real(scalars.lr)](real& w, real d) { w = keep * w - c * d; });
}

void adam_inside_root_update(Param& p, State& s, const AdamOptions& o, const AdamScalars& scalars) {
  const Decay decay = scalars.decay;
  const Ema first(o.beta1), second(o.beta2);
  const real step = real(scalars.lr / scalars.c1), square = real(1 / scalars.c2), eps = real(o.eps);
  for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
    g += decay.l2 * w;
    m = first(m, g);
    v = second(v, g * g);
    w *= decay.keep;
    w -= step * (m / std::sqrt(v * square + eps));
  });
}

}  // namespace

void adam_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k) {
  const AdamScalars scalars(o, k);
  if (o.forms.variance == "rank1" && p.is_matrix()) return adam_rank1_update(p, s, o, scalars);
  if (o.forms.eps_inside_root) return adam_inside_root_update(p, s, o, scalars);
  const Decay decay = scalars.decay;
  const Ema mean(o.beta1), mean_square(o.beta2);
  const real root = real(1 / std::sqrt(scalars.c2)), eps = real(o.eps);
  double step_size = scalars.lr / scalars.c1;
  const auto agrees = [=](real w, real g, real m) {  // of the mean that will be
    g += decay.l2 * w;
    return mean(m, g) * g > 0;
  };
  if (o.forms.cautious) {
    const double count = sum_elements(p.data, p.grad, s("m"), agrees);
    step_size *= static_cast<double>(p.data.numel()) / (count + 1);
  }
  const real step = real(step_size);
  const bool all = !o.forms.cautious;
  const auto moments = [=](real w, real& g, real& m, real& v) {
    g += decay.l2 * w;
    m = mean(m, g);
    v = mean_square(v, g * g);
  };
  const auto move = [=](real& w, real g, real m, real v) {
    const real u = step * m / (std::sqrt(v) * root + eps);
    w = decay.keep * w - (all || m * g > 0 ? u : real(0));
  };
  if (o.forms.amsgrad)
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

}  // namespace gradus::rules
