// EGN: the exact generalised Gauss-Newton step, solved in the space of the outputs.
// Paper: Korbit, Adeoye, Bemporad, Zanon, "Exact Gauss-Newton Optimization for Training Deep Neural Networks", 2024,
//        arXiv 2405.14402. Details as cor3bit/somax.
//   J the Jacobian of the outputs (samples stacked), Q the curvature of the loss in them, r its slope, b examples
//   (b*lam*I + Q J J') x = r;   d = -J' x            = -(J' Q J/b + lam*I)^-1 g
//   where the objective gives a root S of Q = S S': (b*lam*I + S' J J' S) y = S'J g;  d = -(g - J' S y)/lam, the same d
//   v = momentum*v + (1-momentum)*d;   d = v/(1-momentum^t)
//   line_search: a = min(1.5*a', lr) (reset conservative: a'), then a *= 0.8 up to 15 times until
//                f(w + a*d) <= f(w) + 0.1*a*<g,d>; reset goldstein also enlarges while the fall is steeper than 0.9*<g,d>
//   w <- w + a*d,  a = lr without line search
//   adaptive_lambda: rho = (f(w + p) - f(w))/(<g,p> + (J p)' Q (J p)/(2*b)), p = a*d;  lam *= 1.01 if rho < 1/4, 0.99 if > 3/4
#include <cmath>

#include "core/linalg.h"
#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/gauss_newton.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Egn {
  struct Options {
    double lr = 1, lam0 = 1, momentum = 0;
    bool line_search = false, adaptive_lambda = false;
    std::string reset = "increase";
    void visit(auto&& f) {
      f("lr", lr, "step size; the largest one with line_search", positive());
      f("lam0", lam0, "damping", positive());
      f("momentum", momentum, "decay of the mean of directions", decay_rate());
      f("line_search", line_search, "find the step size on the batch (Armijo)");
      f("reset", reset, "where a line search starts", choices({"increase", "conservative", "goldstein"}));
      f("adaptive_lambda", adaptive_lambda, "change the damping by how well the model predicts");
    }
  };
  static Needs needs(const Options& o) {
    const bool tries = o.line_search || o.adaptive_lambda;
    return {.loss = tries, .re_evaluation = tries, .gauss_newton = true};
  }

  // -(J'QJ/b + lam*I)^-1 g, one tensor per item.
  static std::vector<Tensor> direction(const Pass<Options>& pass, const GaussNewton& model, Around& around,
                                       double lam) {
    if (model.root_gram) {
      std::vector<Tensor> g;
      for (const auto& item : pass.items) g.push_back(item.p.grad);
      Tensor d = solve_damped(model, around.flatten(g), lam);
      for_each_element(d, [](real& x) { x = -x; });
      return around.unflatten(d);
    }
    Tensor a = gauss_newton_curvature_times(model, gauss_newton_gram(model));
    const int64 size = a.dim(0);
    real* p = a.mutable_data();
    for (int64 i = 0; i < size; ++i)
      p[i * size + i] += real(lam * static_cast<double>(model.curvature.dim(0)));
    const Tensor residual = model.residual.view(Shape{size});
    Tensor d = gauss_newton_transposed_times(model, linalg::solve(a, residual));
    for_each_element(d, [](real& x) { x = -x; });
    return around.unflatten(d);
  }

  // The step size of the Armijo search; the weights are at that step afterwards.
  static double search(Pass<Options>& pass, TrialWeights& weights, const std::vector<Tensor>& d,
                       double slope) {
    const Options& o = pass.options;
    const double top = o.lr * pass.info.lr_scale;
    double& last = pass.shared.scalar("a", o.lr);
    double a = pass.info.step == 1 ? top : std::min(o.reset == "conservative" ? last : 1.5 * last, top);
    const auto loss_at = [&](double size) {
      weights.move_to(d, size);
      return pass.objective.loss();
    };
    double loss = loss_at(a);
    if (o.reset == "goldstein")
      for (int k = 0; k < 15 && loss < pass.info.loss + 0.9 * a * slope && 1.5 * a <= top; ++k)
        loss = loss_at(a *= 1.5);
    for (int k = 0; k < 15 && !(loss <= pass.info.loss + 0.1 * a * slope); ++k) loss = loss_at(a *= 0.8);
    if (!std::isfinite(loss))
      fail<NumericError>("optimizer egn: no step size gives a finite loss; nothing was changed");
    return last = a;
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    Around around(pass);
    const GaussNewton model = pass.objective.gauss_newton();
    double& lam = pass.shared.scalar("lam", o.lam0);
    std::vector<Tensor> d = direction(pass, model, around, lam);
    if (o.momentum > 0)
      for (auto& item : pass.items)
        for_each_element(
            d[item.p.index], item.s("v"),
            [mean = Ema(o.momentum), c = real(1 / bias_correction(o.momentum, item.t))](real& x, real& v) {
              v = mean(v, x);
              x = c * v;
            });
    const double slope = total(pass, [&](const auto& item) { return dot(item.p.grad, d[item.p.index]); });
    TrialWeights weights(pass);
    const double a = o.line_search ? search(pass, weights, d, slope) : o.lr * pass.info.lr_scale;
    weights.move_to(d, a);
    if (o.adaptive_lambda && a > 0) {
      const Tensor jd = gauss_newton_times(model, around.flatten(d));
      const double curved = a * a * dot(jd, gauss_newton_curvature_times(model, jd));
      const double predicted = a * slope + 0.5 * curved / static_cast<double>(model.curvature.dim(0));
      const double rho = (pass.objective.loss() - pass.info.loss) / predicted;
      if (rho < 0.25) lam *= 1.01;
      if (rho > 0.75) lam *= 0.99;
    }
    weights.keep();
  }
};

}  // namespace

OptimizerEntry egn() {
  return rule_entry<Egn>({"egn", "exact Gauss-Newton step, solved in the space of the outputs",
                          "Korbit, Adeoye, Bemporad, Zanon, 2024, arXiv 2405.14402", 4});
}

std::vector<OptimizerEntry> curvature_rules() { return {oasis(), sania(), egn()}; }

}  // namespace gradus::rules
