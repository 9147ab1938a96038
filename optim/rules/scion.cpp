// Scion: steps of a fixed size in a norm that suits the tensor.
// Paper: Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls, Cevher, "Training Deep Learning Models with Norm-Constrained
//        LMOs", ICML 2025, arXiv 2502.07529.
//   m = momentum*m + (1-momentum)*g;   M (n,d): m as a matrix
//   bias:     u = m/(rms(m) + 1e-8)                                          sign: u = sign(M)/d
//   row:      u_i = M_i/(sqrt(d)*||M_i|| + 1e-8), row by row                 column: u_j = M_j/(||M_j||/sqrt(n) + 1e-8)
//   spectral: u = sqrt(n/d)*NS(M);   rank > 2: sqrt(out/in)/(product of the kernel's extents)*NS(M)
//   NS(X): X = X/(||X||_F + 1e-7), then ns_steps times X = 3.4445*X + (-4.775*A + 2.0315*A A) X, A = X X' of the shorter side
//   w <- w - lr*w unless unconstrained;   w <- w - lr*scale*u
// norm auto: bias for vectors, else spectral. The authors' momentum is 1 - momentum. norm and scale are meant for groups.
#include <cmath>

#include "core/linalg.h"
#include "optim/rules/matrix_zoo.h"
#include "optim/vocabulary/rows.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Scion {
  struct Options {
    double lr = 1e-3, momentum = 0.9, scale = 1;
    std::string norm = "auto";
    bool unconstrained = false;
    int ns_steps = 5;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "decay of the gradient mean", decay_rate());
      f("norm", norm, "in which steps have one size",
        choices({"auto", "spectral", "sign", "row", "column", "bias"}));
      f("scale", scale, "radius of the ball in that norm", positive());
      f("unconstrained", unconstrained, "do not draw the weights into the ball");
      f("ns_steps", ns_steps, "rounds of Newton-Schulz", at_least(1));
    }
  };

  // Of the tensor of this shape that m (n,d) is.
  static Tensor spectral(const Tensor& m, const Shape& shape, int ns_steps) {
    // The 1e-8 beside the norm in newton_schulz, of a tenth of X, is the 1e-7 of X.
    Tensor tenth = m.clone();
    for_each_element(tenth, [](real& x) { x *= real(0.1); });
    Tensor u = linalg::newton_schulz(tenth, linalg::newton_schulz_classic(ns_steps));
    double in = static_cast<double>(m.dim(1)), extents = 1;
    if (shape.rank() > 2) {
      in = static_cast<double>(shape[1]);
      extents = static_cast<double>(m.dim(1)) / in;
    }
    const real c = real(std::sqrt(static_cast<double>(m.dim(0)) / in) / extents);
    for_each_element(u, [=](real& x) { x *= c; });
    return u;
  }
  static void divide_rows(Tensor& u) {
    const int64 d = u.dim(1);
    real* to = u.mutable_data();
    for_each_row(u.dim(0), d, [&](int64 i) {
      const double length = std::sqrt(static_cast<double>(d)) * row_norm(to + i * d, d);
      const real by = real(1 / (length + 1e-8));
      elements(
          d, [=](real& x) { x *= by; }, to + i * d);
    });
  }
  static void divide_columns(Tensor& u) {
    const int64 n = u.dim(0), d = u.dim(1);
    std::vector<double> squares(static_cast<size_t>(d));
    real* to = u.mutable_data();
    for (int64 i = 0; i < n; ++i)
      for (int64 j = 0; j < d; ++j)
        squares[static_cast<size_t>(j)] +=
            static_cast<double>(to[i * d + j]) * static_cast<double>(to[i * d + j]);
    std::vector<real> by;
    for (double x : squares) by.push_back(real(1 / (std::sqrt(x / static_cast<double>(n)) + 1e-8)));
    for_each_row(n, d, [&](int64 i) {
      elements(
          d, [](real& x, real c) { x *= c; }, to + i * d, std::as_const(by).data());
    });
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (p.data.numel() == 0) return;
    Tensor& m = s("m");
    for_each_element(m, p.grad, [mean = Ema(o.momentum)](real& x, real g) { x = mean(x, g); });
    const std::string kind = o.norm != "auto" ? o.norm : p.is_matrix() ? "spectral" : "bias";
    const int64 d = p.cols();
    const Tensor matrix = m.view({p.rows(), d});
    Tensor u = kind == "spectral" ? spectral(matrix, p.data.shape(), o.ns_steps) : matrix.clone();
    if (kind == "bias") {
      const double rms = std::sqrt(sum_of_squares(m) / static_cast<double>(m.numel()));
      for_each_element(u, [by = real(1 / (rms + 1e-8))](real& x) { x *= by; });
    } else if (kind == "sign") {
      for_each_element(u, [by = real(1 / static_cast<double>(d))](real& x) { x = by * sign(x); });
    } else if (kind == "row") {
      divide_rows(u);
    } else if (kind == "column") {
      divide_columns(u);
    }
    const double lr = o.lr * k.lr_scale;
    const Tensor& direction = u;
    for_each_element(p.data, direction,
                     [keep = real(o.unconstrained ? 1 : 1 - lr), step = real(lr * o.scale)](real& w, real x) {
                       w = keep * w - step * x;
                     });
  }
};

}  // namespace

OptimizerEntry scion() {
  return rule_entry<Scion>({"scion", "steps of one size in a norm of the tensor's own",
                            "Pethick et al., ICML 2025, arXiv 2502.07529", 2});
}

}  // namespace gradus::rules
