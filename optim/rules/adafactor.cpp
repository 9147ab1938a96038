// Adafactor.
// Paper: Shazeer, Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML 2018,
//        arXiv 1804.04235, Algorithms 4 and 5.
//   rho = lr, or relative_step: min(1e-2, 1/sqrt(t)), with warmup_init min(1e-6*t, 1/sqrt(t))
//   alpha = rho, or scale_parameter: max(eps2, RMS(w))*rho             (w before the step)
//   b = 1 - t^(-decay_rate)
//   matrices: R = b*R + (1-b)*row means of (g^2 + eps1), C the same of columns, V_ij = R_i*C_j/mean(R)
//   others:   V = b*V + (1-b)*(g^2 + eps1)
//   u = g/sqrt(V);   u <- u/max(1, RMS(u)/clip_threshold)
//   step = alpha*u, or with beta1: m = beta1*m + (1-beta1)*alpha*u, step = m
//   w <- w - weight_decay*alpha*w - step
// Matrices are tensors of rank 2, as in the authors' code; with factor_conv also kernels as (out, rest).
#include <numeric>

#include "optim/factored.h"
#include "optim/rules/rules.h"
#include "optim/vocabulary.h"

namespace gradus::rules {
namespace {

struct Adafactor {
  struct Options {
    std::optional<double> lr, beta1;
    double eps1 = 1e-30, eps2 = 1e-3, clip_threshold = 1, decay_rate = 0.8, weight_decay = 0;
    bool scale_parameter = true, relative_step = true, warmup_init = false, factor_conv = false;
    void visit(auto&& f) {
      f("lr", lr, "step size, for relative_step = false", positive());
      f("eps1", eps1, "added to squared gradients", epsilon());
      f("eps2", eps2, "smallest scale of a parameter", at_least(0));
      f("clip_threshold", clip_threshold, "largest root mean square of an update", positive());
      f("decay_rate", decay_rate, "the second moment's decay is 1 - t^-decay_rate", positive());
      f("beta1", beta1, "decay of a mean of updates; none: no momentum", gradus::decay_rate());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      f("scale_parameter", scale_parameter, "steps relative to the size of the parameter");
      f("relative_step", relative_step, "the paper's own step size; takes no lr and no schedule");
      f("warmup_init", warmup_init, "with relative_step: begin with 1e-6*t");
      f("factor_conv", factor_conv, "factor kernels too, as (out, rest)");
    }
  };

  static void check(const Options& o) {
    if (o.relative_step && o.lr)
      fail<UsageError>("optimizer adafactor: relative_step takes no lr; add relative_step=false");
    if (!o.relative_step && !o.lr) fail<UsageError>("optimizer adafactor: relative_step = false needs an lr");
    if (o.warmup_init && !o.relative_step)
      fail<UsageError>("optimizer adafactor: warmup_init belongs to relative_step");
  }

  static double step_size(const Param& p, const Options& o, const StepInfo& k) {
    const double t = static_cast<double>(k.t);
    const double rho =
        o.relative_step ? std::min(o.warmup_init ? 1e-6 * t : 1e-2, 1 / std::sqrt(t)) : *o.lr * k.lr_scale;
    if (!o.scale_parameter) return rho;
    return std::max(o.eps2, norm(p.data) / std::sqrt(static_cast<double>(p.data.numel()))) * rho;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (p.data.numel() == 0) return;
    const double alpha = step_size(p, o, k), b = 1 - std::pow(static_cast<double>(k.t), -o.decay_rate);
    const real keep = real(1 - o.weight_decay * alpha), b1 = real(o.beta1.value_or(0));
    // factor(sum of u^2) is what turns u into the clipped step.
    const auto factor = [&](double sum) {
      const double rms = std::sqrt(sum / static_cast<double>(p.data.numel()));
      return real(alpha / std::max(1.0, rms / o.clip_threshold) * (1 - o.beta1.value_or(0)));
    };
    Tensor none;
    Tensor& m = o.beta1 ? s("m") : none;
    const auto move = [=](real& w, real step, real* mean) {
      if (mean) step = *mean = b1 * *mean + step;
      w = keep * w - step;
    };
    if (p.data.rank() == 2 || (o.factor_conv && p.is_matrix())) {
      const int64 rows = p.rows(), cols = p.cols();
      const real* g = p.grad.data();
      const Margins squares =
          margins(rows, cols, [&](int64, int64 i) { return double(g[i]) * double(g[i]) + o.eps1; });
      const RootFactors root = update_factors(s, "r", "c", squares, b);
      const real* c = root.col.data();
      std::vector<double> sums(static_cast<size_t>(rows));
      for_each_row(rows, cols, [&](int64 i) {
        const real r = root.row[static_cast<size_t>(i)];
        sums[static_cast<size_t>(i)] = sum_of(
            cols, [=](real x, real y) { return double(square(x * r * y)); }, g + i * cols, c);
      });
      const real scale = factor(std::accumulate(sums.begin(), sums.end(), 0.0));
      real* w = p.data.mutable_data();
      real* mean = m ? m.mutable_data() : nullptr;
      for_each_row(rows, cols, [&](int64 i) {
        const real r = scale * root.row[static_cast<size_t>(i)];
        if (mean)
          elements(
              cols, [=](real& x, real y, real z, real& n) { move(x, y * r * z, &n); }, w + i * cols,
              g + i * cols, c, mean + i * cols);
        else
          elements(
              cols, [=](real& x, real y, real z) { move(x, y * r * z, nullptr); }, w + i * cols, g + i * cols,
              c);
      });
    } else {
      const real eps1 = real(o.eps1);
      for_each_element(p.grad, s("v"), [=, mean = Ema(b)](real g, real& v) { v = mean(v, g * g + eps1); });
      const real scale = factor(
          sum_elements(p.grad, s("v"), [](real g, real v) { return double(square(g / std::sqrt(v))); }));
      if (o.beta1)
        for_each_element(p.data, p.grad, std::as_const(s("v")), m,
                         [=](real& w, real g, real v, real& n) { move(w, scale * g / std::sqrt(v), &n); });
      else
        for_each_element(p.data, p.grad, std::as_const(s("v")),
                         [=](real& w, real g, real v) { move(w, scale * g / std::sqrt(v), nullptr); });
    }
  }
};

}  // namespace

OptimizerEntry adafactor() {
  return rule_entry<Adafactor>(
      {"adafactor", "second moments of matrices kept as row and column means",
       "Shazeer, Stern, ICML 2018, arXiv 1804.04235",
       "rho = lr, or relative_step: min(1e-2, 1/sqrt(t))\n"
       "alpha = max(eps2, RMS(w))*rho;  b = 1 - t^(-decay_rate)\n"
       "R, C = means over rows and columns of g^2 + eps1, decaying with b;  V = R*C/mean(R)\n"
       "u = g/sqrt(V);  u = u/max(1, RMS(u)/clip_threshold)\n"
       "w = w - weight_decay*alpha*w - alpha*u      beta1: the mean of alpha*u",
       3});
}

}  // namespace gradus::rules
