// Nero: neuronal rotator.
// Paper: Liu, Bernstein, Meister, Yue, "Learning by Turning: Neural Architecture Aware Optimisation", ICML 2021,
//        arXiv 2102.07227. A neuron is a slice along the first dimension of a tensor of rank >= 2, else an element.
//   constraints, rank >= 2, before the first step and after every step: each neuron's weights get mean 0, then norm 1
//   scale = mean over neurons of their norm at the start (after that projection), 0.01 if that is 0
//   v = beta*v + (1-beta)*||g||^2                                                          per neuron
//   w <- w - lr*scale*g/sqrt(v/(1-beta^t))                                                 0 where v = 0
#include "optim/rules/zoo.h"
#include "optim/vocabulary/rows.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Nero {
  struct Options {
    double lr = 0.01, beta = 0.999;
    bool constraints = true;
    void visit(auto&& f) {
      f("lr", lr, "step size: the angle by which a neuron turns", positive());
      f("beta", beta, "decay of the mean of squared gradient norms", decay_rate());
      f("constraints", constraints, "keep each neuron's weights at mean 0 and norm 1");
    }
  };
  /// Rows are neurons; vectors have one element a row.
  static int64 width(const Param& p) { return p.is_matrix() ? p.cols() : 1; }
  static void constrain(Param& p) {
    real* data = p.data.mutable_data();
    const int64 n = p.cols();
    for_each_row(p.rows(), n, [=](int64 i) {
      real* row = data + i * n;
      const real mean = real(row_mean(row, n));
      elements(
          n, [=](real& x) { x -= mean; }, row);
      const double length = row_norm(row, n);
      if (length > 0)
        elements(
            n, [c = real(1 / length)](real& x) { x *= c; }, row);
    });
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 n = width(p), rows = n ? p.data.numel() / n : 0;
    if (rows == 0) return;
    const bool projects = o.constraints && p.is_matrix();
    if (k.t == 1) {
      if (projects) constrain(p);
      double sum = 0;
      for (int64 i = 0; i < rows; ++i) sum += row_norm(p.data.data() + i * n, n);
      s.scalar("scale") = sum > 0 ? sum / static_cast<double>(rows) : 0.01;
    }
    const double step = o.lr * k.lr_scale * s.scalar("scale"), c = bias_correction(o.beta, k.t);
    real *data = p.data.mutable_data(), *v = s("v", Shape{rows}).mutable_data();
    const real* grad = p.grad.data();
    for_each_row(rows, n, [=](int64 i) {
      const double square_norm = row_mean_square(grad + i * n, n) * static_cast<double>(n);
      v[i] = real(o.beta * static_cast<double>(v[i]) + (1 - o.beta) * square_norm);
      if (!(v[i] > 0)) return;
      elements(
          n,
          [scale = real(step / std::sqrt(static_cast<double>(v[i]) / c))](real& w, real g) {
            w -= scale * g;
          },
          data + i * n, grad + i * n);
    });
    if (projects) constrain(p);
  }
};

}  // namespace

OptimizerEntry nero() {
  return rule_entry<Nero>({"nero", "turns each neuron by the same angle, on the sphere of balanced weights",
                           "Liu, Bernstein, Meister, Yue, ICML 2021, arXiv 2102.07227", 4});
}

}  // namespace gradus::rules
