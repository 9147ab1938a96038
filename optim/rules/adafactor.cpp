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
#include "optim/rules/rules.h"
#include "optim/vocabulary/factored.h"
#include "optim/vocabulary/sums.h"
#include "optim/vocabulary/words.h"

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
    const auto refuse = [](const char* why) { fail<UsageError>("optimizer adafactor: {}", why); };
    if (o.relative_step && o.lr) refuse("relative_step takes no lr; add relative_step=false");
    if (!o.relative_step && !o.lr) refuse("relative_step = false needs an lr");
    if (!o.relative_step && o.warmup_init) refuse("warmup_init belongs to relative_step");
  }

  static double step_size(const Param& p, const Options& o, const StepInfo& k) {
    const double t = static_cast<double>(k.t);
    const double rho =
        o.relative_step ? std::min(o.warmup_init ? 1e-6 * t : 1e-2, 1 / std::sqrt(t)) : *o.lr * k.lr_scale;
    if (!o.scale_parameter) return rho;
    return std::max(o.eps2, norm(p.data) / std::sqrt(static_cast<double>(p.data.numel()))) * rho;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 n = p.data.numel(), rows = p.rows(), cols = p.cols();
    if (n == 0) return;
    const double alpha = step_size(p, o, k), b = 1 - std::pow(static_cast<double>(k.t), -o.decay_rate);
    const real eps1 = real(o.eps1), keep = real(1 - o.weight_decay * alpha);
    // beta1: the step is the mean of alpha*u; without it, mean and step are one.
    const real b1 = real(o.beta1.value_or(0)), share = real(alpha * (1 - o.beta1.value_or(0)));
    const auto move = [=](real& w, real u, real& m) {
      m = b1 * m + share * u;
      w = keep * w - m;
    };
    const auto move_at_once = [=](real& w, real u) {
      real m = 0;
      move(w, u, m);
    };
    if (p.data.rank() == 2 || (o.factor_conv && p.is_matrix())) {
      const real* grad = p.grad.data();
      const Margins squares = margins(rows, cols, [&](int64 i, real* to) {
        elements(
            cols, [=](real& x, real g) { x = g * g + eps1; }, to, grad + i * cols);
      });
      const RootFactors root = update_factors(s, "r", "c", squares, b);
      const double clip = rms_clip(sum_of_scaled_squares(p.grad, rows, cols, root), n, o.clip_threshold);
      real *data = p.data.mutable_data(), *mean = o.beta1 ? s("m").mutable_data() : nullptr;
      for_each_row(rows, cols, [&](int64 i) {
        const real r = real(clip) * root.row[static_cast<size_t>(i)];
        const auto step = [=](real& w, real g, real c, real& m) { move(w, g * r * c, m); };
        const auto plain = [=](real& w, real g, real c) { move_at_once(w, g * r * c); };
        real* w = data + i * cols;
        const real* g = grad + i * cols;
        mean ? elements(cols, step, w, g, root.col.data(), mean + i * cols)
             : elements(cols, plain, w, g, root.col.data());
      });
    } else {
      const auto [sum] =
          for_each_with_sums<1>(p.grad, s("v"), [=, mean = Ema(b)](real g, real& v, double& term) {
            v = mean(v, g * g + eps1);
            term = double(square(g / std::sqrt(v)));
          });
      const real clip = real(rms_clip(sum, n, o.clip_threshold));
      const auto step = [=](real& w, real g, real v, real& m) { move(w, clip * g / std::sqrt(v), m); };
      const auto plain = [=](real& w, real g, real v) { move_at_once(w, clip * g / std::sqrt(v)); };
      o.beta1 ? for_each_element(p.data, p.grad, std::as_const(s("v")), s("m"), step)
              : for_each_element(p.data, p.grad, std::as_const(s("v")), plain);
    }
  }
};

}  // namespace

OptimizerEntry adafactor() {
  return rule_entry<Adafactor>({"adafactor", "second moments of matrices kept as row and column means",
                                "Shazeer, Stern, ICML 2018, arXiv 1804.04235", 3});
}

}  // namespace gradus::rules
