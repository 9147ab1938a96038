// SANIA: Polyak steps in the metric of a preconditioner.
// Paper: Abdukhakimov, Xiang, Kamzolov, Gower, Takac, "SANIA: Polyak-type Optimization Framework Leads to Scale
//        Invariant Stochastic Algorithms", 2023, arXiv 2312.17369. Details as fxrshed/SANIA.
//   s = D^-1 g;   q = <g, s> over all parameters
//   lam = 1 - sqrt(1 - 2*(f - f_star)/q) where that is real and the root positive, else 1
//   w <- w - lr*lam*s
// D by preconditioner: adagrad-sqr A = A + g^2, D = max(A, eps); adam-sqr v = beta2*v + (1-beta2)*g^2,
//   D = max(v/(1-beta2^t), eps); is_sqrt takes the root of D; hutchinson D = max(|beta*D + (1-beta)*z*(Hz)|, alpha), its
//   start the mean of warm-up estimates; identity D = 1; newton D = H, by conjugate gradients to ||r|| < cg_tol or 2n
//   products, stopped at negative curvature.
// q <= 0: no step. Below f_star lam is negative: the projection onto the model's level f_star is uphill then.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/probes.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Sania {
  struct Options {
    double lr = 1, beta2 = 0.999, eps = 0.1, f_star = 0, alpha = 0.1, beta = 0.999, cg_tol = 1e-4;
    std::string preconditioner = "adam-sqr";
    bool is_sqrt = false;
    int64 warmup_samples = 10;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step found", positive());
      f("preconditioner", preconditioner, "metric of the step",
        choices({"adam-sqr", "adagrad-sqr", "hutchinson", "newton", "identity"}));
      f("beta2", beta2, "decay of the mean of squared gradients (adam-sqr)", decay_rate());
      f("eps", eps, "smallest entry of D (adam-sqr, adagrad-sqr)", positive());
      f("is_sqrt", is_sqrt, "root of D: AdaGrad and Adam, not scale invariant");
      f("f_star", f_star, "lower bound of the loss");
      f("alpha", alpha, "smallest entry of D (hutchinson)", positive());
      f("beta", beta, "decay of the Hessian's diagonal (hutchinson)", decay_rate());
      f("warmup_samples", warmup_samples, "estimates behind the first diagonal (hutchinson)", at_least(1));
      f("cg_tol", cg_tol, "residual at which conjugate gradients stop (newton)", positive());
    }
  };
  static Needs needs(const Options& o) {
    return {.loss = true, .hvp = o.preconditioner == "newton" || o.preconditioner == "hutchinson"};
  }

  // H^-1 g by conjugate gradients.
  static std::vector<Tensor> newton(Around& around, const std::vector<Tensor>& g, double tolerance) {
    std::vector<Tensor> s, r, p;
    double rr = 0;
    int64 size = 0;
    for (const Tensor& x : g) {
      s.push_back(Tensor::zeros(x.shape())), r.push_back(x.clone()), p.push_back(x.clone());
      rr += sum_of_squares(x), size += x.numel();
    }
    for (int64 k = 0; k < 2 * size && std::sqrt(rr) >= tolerance; ++k) {
      const std::vector<Tensor> hp = around.hessian_times(p);
      double curvature = 0, next = 0;
      for (size_t i = 0; i < p.size(); ++i) curvature += dot(p[i], hp[i]);
      if (!(curvature > 0)) return k == 0 ? g : s;
      const real a = real(rr / curvature);
      for (size_t i = 0; i < p.size(); ++i) {
        const Tensor &direction = p[i], &image = hp[i];
        for_each_element(s[i], r[i], direction, image, [=](real& x, real& rest, real d, real h) {
          x += a * d;
          rest -= a * h;
        });
        next += sum_of_squares(r[i]);
      }
      const real b = real(next / rr);
      for (size_t i = 0; i < p.size(); ++i) {
        const Tensor& rest = r[i];
        for_each_element(p[i], rest, [=](real& d, real x) { d = x + b * d; });
      }
      rr = next;
    }
    return s;
  }

  // D^-1 g with a diagonal D, brought up to date first.
  static std::vector<Tensor> diagonal(Pass<Options>& pass, Around& around) {
    const Options& o = pass.options;
    std::vector<Tensor> s;
    DiagonalEstimate now;
    if (o.preconditioner == "hutchinson") {
      warm_start_diagonal(pass, around, o.warmup_samples);
      now = hessian_diagonal(pass, around, 0);
    }
    for (auto& item : pass.items) {
      s.push_back(item.p.grad.clone());
      const real eps = real(item.o.eps), alpha = real(item.o.alpha);
      const bool root = item.o.is_sqrt;
      const auto divide = [=](real& x, real d) {
        const real bounded = std::max(d, eps);
        x /= root ? std::sqrt(bounded) : bounded;
      };
      if (o.preconditioner == "hutchinson") {
        for_each_element(s.back(), item.s("D"), std::as_const(now.z[item.p.index]),
                         std::as_const(now.product[item.p.index]),
                         [=, mean = Ema(item.o.beta)](real& x, real& d, real z, real h) {
                           d = mean(d, z * h);
                           x /= std::max(std::abs(d), alpha);
                         });
      } else if (o.preconditioner == "adagrad-sqr") {
        for_each_element(s.back(), item.s("A"), [=](real& x, real& a) {
          a += x * x;
          divide(x, a);
        });
      } else if (o.preconditioner == "adam-sqr") {
        const Ema second(item.o.beta2);
        const real scale = real(1 / bias_correction(item.o.beta2, item.t));
        for_each_element(s.back(), item.s("v"), [=](real& x, real& v) {
          v = second(v, x * x);
          divide(x, v * scale);
        });
      }
    }
    return s;
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    Around around(pass);
    std::vector<Tensor> g;
    for (const auto& item : pass.items) g.push_back(item.p.grad);
    const std::vector<Tensor> s =
        o.preconditioner == "newton" ? newton(around, g, o.cg_tol) : diagonal(pass, around);
    double q = 0;
    for (size_t i = 0; i < g.size(); ++i) q += dot(g[i], s[i]);
    const double gap = pass.info.loss - o.f_star;
    double lam = 0;
    if (q > 0) {
      const double inside = 1 - 2 * gap / q;
      lam = inside > 0 ? 1 - std::sqrt(inside) : 1;
    }
    pass.shared.scalar("lam") = lam;
    for (auto& item : pass.items)
      for_each_element(item.p.data, s[item.p.index],
                       [c = real(item.o.lr * pass.info.lr_scale * lam)](real& w, real d) { w -= c * d; });
  }
};

}  // namespace

OptimizerEntry sania() {
  return rule_entry<Sania>({"sania", "Polyak steps in the metric of a preconditioner",
                            "Abdukhakimov, Xiang, Kamzolov, Gower, Takac, 2023, arXiv 2312.17369", 5});
}

}  // namespace gradus::rules
