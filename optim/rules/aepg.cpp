// AEPG: preconditioned gradient descent with one energy.
// Paper: Liu, Nurbekyan, Tian, Yang, "Adaptive Preconditioned Gradient Descent with Energy", 2023, arXiv 2310.06733.
//   F = sqrt(f + c);   v = g/(2*F);   u = T v,  T the preconditioner
//   r <- r/(1 + 2*lr*<v,u>)                                  r = F of the first step; one scalar
//   w <- w - 2*lr*r*u
// preconditioner: none (T = 1); fisher, T = (J'QJ/n + damping)^-1 over the batch, J the Jacobian of the outputs and Q
// the curvature of the loss in them; entropy, u = w*v - w*<w,v>, which keeps sum(w) (all parameters one point of the
// simplex). A step that would leave the simplex is refused (NumericError): clipping would break the energy law.
#include <cmath>

#include "core/linalg.h"
#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/gauss_newton.h"

namespace gradus::rules {
namespace {

struct Aepg {
  struct Options {
    double lr = 0.1, c = 1, damping = 1e-3;
    std::string preconditioner = "none";
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("c", c, "added to the loss so that it stays positive");
      f("preconditioner", preconditioner, "metric of the step", choices({"none", "fisher", "entropy"}));
      f("damping", damping, "added to the Fisher matrix", positive());
    }
  };
  static Needs needs(const Options& o) {
    return {.loss = true, .gauss_newton = o.preconditioner == "fisher"};
  }

  // T v.
  static std::vector<Tensor> precondition(Pass<Options>& pass, const std::vector<Tensor>& v) {
    std::vector<Tensor> u;
    for (const Tensor& part : v) u.push_back(part.clone());
    if (pass.options.preconditioner == "fisher") {
      Around around(pass);
      return around.unflatten(
          solve_damped(pass.objective.gauss_newton(), around.flatten(v), pass.options.damping));
    }
    if (pass.options.preconditioner == "entropy") {
      double mean = 0;
      for (const auto& item : pass.items) mean += dot(item.p.data, v[item.p.index]);
      for (const auto& item : pass.items) {
        const Tensor& x = item.p.data;
        for_each_element(u[item.p.index], x, [m = real(mean)](real& y, real w) { y = w * (y - m); });
      }
    }
    return u;
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    if (!(pass.info.loss + o.c > 0))
      fail<NumericError>("optimizer aepg: loss {} + c {} must be positive; choose a larger c", pass.info.loss,
                         o.c);
    const double lr = o.lr * pass.info.lr_scale, energy = std::sqrt(pass.info.loss + o.c);
    std::vector<Tensor> v;
    for (const auto& item : pass.items) {
      v.push_back(item.p.grad.clone());
      for_each_element(v.back(), [half = real(1 / (2 * energy))](real& x) { x *= half; });
    }
    const std::vector<Tensor> u = precondition(pass, v);
    double product = 0;
    for (size_t i = 0; i < v.size(); ++i) product += dot(v[i], u[i]);
    TrialWeights weights(pass);
    double r = pass.shared.scalar("r", energy);
    r /= 1 + 2 * lr * product;
    weights.move_to(u, -2 * lr * r);
    if (o.preconditioner == "entropy")
      for (const auto& item : pass.items)
        for (real w : item.p.data.span())
          if (!(w > 0))
            fail<NumericError>(
                "optimizer aepg: the step leaves the simplex ('{}'); nothing was changed, choose a "
                "smaller lr",
                item.p.name);
    weights.keep();
    pass.shared.scalar("r") = r;
  }
};

}  // namespace

OptimizerEntry aepg() {
  return rule_entry<Aepg>({"aepg", "preconditioned gradient descent damped by one energy",
                           "Liu, Nurbekyan, Tian, Yang, 2023, arXiv 2310.06733", 4});
}

std::vector<OptimizerEntry> stepsize_rules() {
  return {adagrad_norm(),   smb(),         prodigy(),   dadapt_sgd(), dadapt_adam(),
          dadapt_adagrad(), dadapt_lion(), alr_hb(),    alr_mag(),    alr_smag(),
          alr_shb(),        momo(),        momo_adam(), aegd(),       aepg()};
}

}  // namespace gradus::rules
