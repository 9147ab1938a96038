// AdamP and SGDP.
// Paper: Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha, "AdamP: Slowing Down the Slowdown for Momentum Optimizers on
//        Scale-invariant Weights", ICLR 2021, arXiv 2006.08217, Algorithms 1 and 2.
// AdamP: m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//        p = m/(sqrt(v/(1-beta2^t)) + eps), nesterov: (beta1*m + (1-beta1)*g) over the same
//        w <- w - lr*weight_decay*ratio*w - lr/(1-beta1^t)*p
// SGDP:  v = momentum*v + (1-dampening)*g;  p = v, nesterov: g + momentum*v
//        w <- w - lr*weight_decay*ratio/(1-momentum)*w - lr*p
// Between: for tensors of rank >= 2, rows = output channels, else the tensor as one row: if for all rows
//        |cos(g_r, w_r)| < delta/sqrt(row length):  p_r <- p_r - n_r <n_r, p_r>, n_r = w_r/(||w_r|| + eps),
//        ratio = wd_ratio;  otherwise p stays, ratio = 1.
// SGDP's published code projects v itself unless nesterov (project_buffer); the paper keeps v unprojected.
#include "optim/rules/rules.h"
#include "optim/vocabulary.h"

namespace gradus::rules {
namespace {

double dot_of(int64 n, const real* a, const real* b) {
  return sum_of(
      n, [](real x, real y) { return double(x) * double(y); }, a, b);
}

struct Projection {
  double delta = 0.1, wd_ratio = 0.1;
  void visit(auto&& f) {
    f("delta", delta, "a tensor counts as scale-invariant if cosines stay below delta/sqrt(row length)",
      at_least(0));
    f("wd_ratio", wd_ratio, "factor on the decay of scale-invariant tensors", at_least(0));
  }

  /// Removes from d what lies along w, where w is found scale-invariant. Returns the factor on the decay.
  double apply(const Param& p, Tensor& d, double eps) const {
    if (!p.is_matrix()) return 1;
    for (const int64 rows : {p.rows(), int64{1}})
      if (invariant(p, rows, eps)) {
        project(p, d, rows, eps);
        return wd_ratio;
      }
    return 1;
  }

 private:
  bool invariant(const Param& p, int64 rows, double eps) const {
    const int64 cols = p.data.numel() / std::max<int64>(rows, 1);
    const real *w = p.data.data(), *g = p.grad.data();
    const double limit = delta / std::sqrt(static_cast<double>(cols));
    std::vector<char> below(static_cast<size_t>(rows));
    for_each_row(rows, cols, [&](int64 i) {
      const real *wr = w + i * cols, *gr = g + i * cols;
      const double sizes =
          std::max(std::sqrt(dot_of(cols, wr, wr)), eps) * std::max(std::sqrt(dot_of(cols, gr, gr)), eps);
      below[static_cast<size_t>(i)] = std::abs(dot_of(cols, gr, wr)) / sizes < limit;
    });
    return std::all_of(below.begin(), below.end(), [](char b) { return b; });
  }
  static void project(const Param& p, Tensor& d, int64 rows, double eps) {
    const int64 cols = p.data.numel() / std::max<int64>(rows, 1);
    const real* w = p.data.data();
    real* to = d.mutable_data();
    for_each_row(rows, cols, [&](int64 i) {
      const real* wr = w + i * cols;
      real* dr = to + i * cols;
      const double size = std::sqrt(dot_of(cols, wr, wr)) + eps;
      const real along = real(dot_of(cols, wr, dr) / (size * size));
      elements(
          cols, [=](real& x, real y) { x -= along * y; }, dr, wr);
    });
  }
};

struct AdamP {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    Projection projection;
    bool nesterov = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the bias-corrected root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      projection.visit(f);
      f("nesterov", nesterov, "look ahead by one momentum step");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    const bool nesterov = o.nesterov;
    Tensor d(p.data.shape());
    for_each_element(d, p.grad, s("m"), s("v"), [=](real& x, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      x = (nesterov ? first(m, g) : m) / (std::sqrt(v) * root + eps);
    });
    const double ratio = o.projection.apply(p, d, o.eps);
    const real keep = Decay::decoupled(o.weight_decay * ratio, lr).keep;
    const real step = real(lr / bias_correction(o.beta1, k.t));
    for_each_element(p.data, std::as_const(d), [=](real& w, real x) { w = keep * w - step * x; });
  }
};

struct SgdP {
  struct Options {
    double lr = 0.01, momentum = 0, dampening = 0, weight_decay = 0;
    bool nesterov = false;
    double eps = 1e-8;
    Projection projection;
    bool project_buffer = true;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "share of the velocity that is kept", decay_rate());
      f("dampening", dampening, "share of the gradient that does not enter the velocity", between(0, 1));
      f("weight_decay", weight_decay, "decay, times 1/(1-momentum)", at_least(0));
      f("nesterov", nesterov, "look ahead by one velocity step");
      f("eps", eps, "guards norms", epsilon());
      projection.visit(f);
      f("project_buffer", project_buffer,
        "the projection changes the velocity too (published code), not with nesterov");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real mu = real(o.momentum), take = real(1 - o.dampening);
    Tensor& v = s("v");
    for_each_element(p.grad, v, [=](real g, real& x) { x = mu * x + take * g; });
    Tensor d = !o.nesterov && o.project_buffer ? v : v.clone();
    if (o.nesterov) for_each_element(d, p.grad, [=](real& x, real g) { x = g + mu * x; });
    const double ratio = o.projection.apply(p, d, o.eps);
    const real keep = Decay::decoupled(o.weight_decay * ratio / (1 - o.momentum), lr).keep, step = real(lr);
    for_each_element(p.data, std::as_const(d), [=](real& w, real x) { w = keep * w - step * x; });
  }
};

constexpr const char* kPaper = "Heo et al., ICLR 2021, arXiv 2006.08217";
constexpr const char* kProjection =
    "if |cos(g_r, w_r)| < delta/sqrt(row length) for all rows: p_r = p_r - n_r<n_r, p_r>, ratio = wd_ratio; "
    "else 1\n";

}  // namespace

OptimizerEntry adamp() {
  return rule_entry<AdamP>({"adamp", "Adam without growth of scale-invariant weights", kPaper,
                            std::string("m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2\n"
                                        "p = m/(sqrt(v/(1-beta2^t)) + eps)\n") +
                                kProjection + "w = w - lr*weight_decay*ratio*w - lr/(1-beta1^t)*p",
                            7});
}
OptimizerEntry sgdp() {
  return rule_entry<SgdP>(
      {"sgdp", "momentum SGD without growth of scale-invariant weights", kPaper,
       std::string("v = momentum*v + (1-dampening)*g;  p = v      (nesterov: g + momentum*v)\n") +
           kProjection + "w = w - lr*weight_decay*ratio/(1-momentum)*w - lr*p",
       7});
}

}  // namespace gradus::rules
