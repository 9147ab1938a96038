// OASIS: a running diagonal of the Hessian as preconditioner, and the step size from a local Lipschitz estimate.
// Paper: Jahani, Rusakov, Shi, Richtarik, Mahoney, Takac, "Doubly Adaptive Scaled Algorithm for Machine Learning Using
//        Second-Order Information", ICLR 2022, arXiv 2109.05198.
//   step 1: D = mean of warm-up estimates z*(Hz);  eta = eta0;  theta = inf;  w <- w - eta0*g/max(|D|, alpha)
//   later:  D = beta2*D + (1-beta2)*z*(Hz);   A = max(|D|, alpha)
//           gp = gradient of this batch at the weights before, w'
//           eta = min(sqrt(1+theta)*eta', 1/2 * ||w - w'||_A / ||g - gp||_(1/A));   theta = eta/eta'
//           w <- w - eta*g/A
//   adaptive = false: D is also updated in step 1 and then every update_each steps;  m = beta1*m + (1-beta1)*g
//           w <- w*(1 - lr*weight_decay) - lr/(1-beta1^t) * m/A
// Norms over all parameters. The first term of the minimum holds where g = gp; eta stays where both are undefined.
#include <cmath>
#include <limits>

#include "optim/rules/families.h"
#include "optim/rules/probes.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Oasis {
  struct Options {
    bool adaptive = true;
    double beta2 = 0.999, alpha = 0.1, eta0 = 1e-3, lr = 1e-2, beta1 = 0.9, weight_decay = 0;
    int64 update_each = 1, warmup_samples = 10;
    void visit(auto&& f) {
      f("adaptive", adaptive, "find the step size; else use lr and momentum");
      f("beta2", beta2, "decay of the Hessian's diagonal", decay_rate());
      f("alpha", alpha, "smallest entry of the preconditioner", positive());
      f("eta0", eta0, "first step size (adaptive)", positive());
      f("warmup_samples", warmup_samples, "estimates behind the first diagonal", at_least(1));
      f("lr", lr, "step size (not adaptive)", positive());
      f("beta1", beta1, "decay of the gradient mean (not adaptive)", decay_rate());
      f("update_each", update_each, "steps between new estimates (not adaptive)", at_least(1));
      f("weight_decay", weight_decay, "decoupled decay (not adaptive)", at_least(0));
    }
  };
  static Needs needs(const Options& o) { return {.re_evaluation = o.adaptive, .hvp = true}; }

  static void update_diagonal(Pass<Options>& pass, Around& around) {
    const DiagonalEstimate now = hessian_diagonal(pass, around, 0);
    for (auto& item : pass.items)
      for_each_element(item.s("D"), now.z[item.p.index], now.product[item.p.index],
                       [mean = Ema(item.o.beta2)](real& d, real z, real h) { d = mean(d, z * h); });
  }

  // ||w - w'||_A / ||g - gp||_(1/A), NaN where it is undefined.
  static double inverse_lipschitz(Pass<Options>& pass, const std::vector<Tensor>& before) {
    double moved = 0, turned = 0;
    for (auto& item : pass.items) {
      const double alpha = item.o.alpha;
      const auto metric = [=](real d) { return std::max(std::abs(static_cast<double>(d)), alpha); };
      const Tensor &d = item.s("D"), &past = item.s("previous");
      moved += sum_elements(item.p.data, past, d, [=](real w, real v, real a) {
        const double x = static_cast<double>(w) - static_cast<double>(v);
        return x * x * metric(a);
      });
      turned += sum_elements(item.p.grad, before[item.p.index], d, [=](real g, real h, real a) {
        const double x = static_cast<double>(g) - static_cast<double>(h);
        return x * x / metric(a);
      });
    }
    return turned > 0 ? std::sqrt(moved / turned) : std::numeric_limits<double>::quiet_NaN();
  }

  static double adaptive_rate(Pass<Options>& pass, Around& around) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    double &eta = pass.shared.scalar("eta"), &theta = pass.shared.scalar("theta", kInfinity);
    if (eta == 0) return eta = pass.options.eta0;
    std::vector<Tensor> gp;
    {
      TrialWeights present(pass);
      for (auto& item : pass.items)
        item.p.data.copy_from(item.s.starting_at("previous", present[item.p.index]));
      gp = around.gradients();
    }
    const double growth = std::sqrt(1 + theta) * eta, local = 0.5 * inverse_lipschitz(pass, gp), before = eta;
    if (std::isfinite(local) && local > 0) {
      eta = std::min(growth, local);
    } else if (std::isfinite(growth)) {
      eta = growth;
    }
    theta = eta / before;
    return eta;
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    Around around(pass);
    const bool first = pass.info.step == 1;
    warm_start_diagonal(pass, around, o.warmup_samples);
    if (o.adaptive ? !first : (pass.info.step - 1) % o.update_each == 0) update_diagonal(pass, around);
    const double eta = o.adaptive ? adaptive_rate(pass, around) : 0;
    for (auto& item : pass.items) {
      const real alpha = real(item.o.alpha);
      if (o.adaptive) {
        for_each_element(item.p.data, item.p.grad, item.s("D"), item.s("previous"),
                         [=, c = real(eta)](real& w, real g, real d, real& past) {
                           past = w;
                           w -= c * g / std::max(std::abs(d), alpha);
                         });
      } else {
        const double lr = item.o.lr * pass.info.lr_scale;
        const Ema mean(item.o.beta1);
        const real keep = real(1 - lr * item.o.weight_decay),
                   c = real(lr / bias_correction(item.o.beta1, item.t));
        for_each_element(item.p.data, item.p.grad, item.s("m"), item.s("D"),
                         [=](real& w, real g, real& m, real d) {
                           m = mean(m, g);
                           w = keep * w - c * m / std::max(std::abs(d), alpha);
                         });
      }
    }
  }
};

}  // namespace

OptimizerEntry oasis() {
  return rule_entry<Oasis>({"oasis",
                            "running Hessian diagonal as preconditioner, step size from local curvature",
                            "Jahani et al., ICLR 2022, arXiv 2109.05198", 8});
}

}  // namespace gradus::rules
