// Adam, with its registered forms AdamW and AMSGrad.
// Papers: Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 1;
//         Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101
//         (decoupled); Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", ICLR 2018 (amsgrad);
//         Liang et al., "Cautious Optimizers", 2024, arXiv 2411.16085 (cautious).
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g            v = beta2*v + (1-beta2)*g^2            amsgrad: vmax = max(vmax, v)
//   w <- w - lr * mhat/(sqrt(vhat) + eps),   mhat = m/(1-beta1^t),  vhat = v/(1-beta2^t)  (vmax for v)
//   cautious: only where m*g > 0, the step times n/(count + 1), n elements of which count take part
//   eps_inside_root: sqrt(vhat + eps) for sqrt(vhat) + eps;  bias_correction = false: m, v for mhat, vhat. Both together
//         are the form analysed by Zhang, Zhou, Zou, TMLR 2025, arXiv 2404.01436 (eps: their zeta)
//   variance = rank1: for matrices V = r c'/mean(r), r, c running means of the row and column means of g^2 (Frans,
//         Abbeel, Levine, 2025, arXiv 2510.25000; the published code is n/m times too large)
// The cautious factor is the paper's; released code divides by max(count/n, 1e-3) instead.
#include "optim/rules/adam.h"

#include "core/error.h"
#include "optim/rules/matrix.h"
#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

// Matrices with variance = rank1.
void adam_rank1(Param& p, State& s, const AdamOptions& o, const Decay& decay, double lr, double c1,
                double c2) {
  Tensor g = as_matrix(p.grad).clone(), u(g.shape());
  const Tensor weights = p.data;
  if (decay.l2 != 0) for_each_element(g, weights, [l2 = decay.l2](real& x, real w) { x += l2 * w; });
  for_each_element(u, s("m"), std::as_const(g),
                   [mean = Ema(o.beta1), c = real(1 / c1)](real& x, real& m, real y) {
                     m = mean(m, y);
                     x = c * m;
                   });
  divide_by_rank1(u, g, s, o.beta2, c2, o.eps);
  for_each_element(p.data, std::as_const(u),
                   [keep = decay.keep, c = real(lr)](real& w, real d) { w = keep * w - c * d; });
}

// Every tensor, with sqrt(vhat + eps) below.
void adam_inside_root(Param& p, State& s, const AdamOptions& o, const Decay& decay, double lr, double c1,
                      double c2) {
  const Ema first(o.beta1), second(o.beta2);
  const real step = real(lr / c1), square = real(1 / c2), eps = real(o.eps);
  for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
    g += decay.l2 * w;
    m = first(m, g);
    v = second(v, g * g);
    w *= decay.keep;
    w -= step * (m / std::sqrt(v * square + eps));
  });
}

}  // namespace

void adam_check(const AdamOptions& o) {
  const bool plain = !o.amsgrad && !o.cautious;
  if (o.variance == "rank1" && !(plain && !o.eps_inside_root))
    fail<UsageError>(
        "optimizer adam: variance=rank1 goes with neither amsgrad, cautious nor eps_inside_root");
  if (o.eps_inside_root && !plain)
    fail<UsageError>("optimizer adam: eps_inside_root goes with neither amsgrad nor cautious");
}

void adam_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k) {
  const double lr = o.lr * k.lr_scale;
  const double c1 = o.bias_correction ? bias_correction(o.beta1, k.t) : 1;
  const double c2 = o.bias_correction ? bias_correction(o.beta2, k.t) : 1;
  const Ema first(o.beta1), second(o.beta2);
  const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
  if (o.variance == "rank1" && p.is_matrix()) return adam_rank1(p, s, o, decay, lr, c1, c2);
  if (o.eps_inside_root) return adam_inside_root(p, s, o, decay, lr, c1, c2);
  const real root = real(1 / std::sqrt(c2)), eps = real(o.eps);
  double step_size = lr / c1;
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

struct AdamW {
  struct Options : AdamOptions {
    Options() { decoupled = true; }
    void visit(auto&& f) {
      visit_common(f);
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
      f("cautious", cautious, "move only where momentum and gradient agree");
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

struct AmsGrad {
  struct Options : AdamOptions {
    Options() { amsgrad = true; }
    void visit(auto&& f) { visit_common(f); }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) { adam_update(p, s, o, k); }
};

constexpr const char* kAdamEquations =
    "g = g + weight_decay*w          decoupled: w = w - lr*weight_decay*w\n"
    "m = beta1*m + (1-beta1)*g\n"
    "v = beta2*v + (1-beta2)*g^2     amsgrad: vmax = max(vmax, v), in place of v below\n"
    "w = w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)\n"
    "cautious: only where m*g > 0, times n/(count of these + 1)";

}  // namespace

OptimizerEntry adam() {
  return rule_entry<Adam>({"adam", "bias-corrected mean over root mean square of the gradient",
                           "Kingma, Ba, ICLR 2015, arXiv 1412.6980", kAdamEquations});
}
OptimizerEntry adamw() {
  return rule_entry<AdamW>({"adamw", "Adam with decoupled weight decay",
                            "Loshchilov, Hutter, ICLR 2019, arXiv 1711.05101", kAdamEquations});
}
OptimizerEntry amsgrad() {
  return rule_entry<AmsGrad>({"amsgrad", "Adam whose second moment never falls",
                              "Reddi, Kale, Kumar, ICLR 2018, arXiv 1904.09237", kAdamEquations});
}

}  // namespace gradus::rules
