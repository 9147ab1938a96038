// DoG and DoWG: distance over (weighted) gradients.
// Papers: Ivgi, Hinder, Carmon, "DoG is SGD's Best Friend", ICML 2023, arXiv 2302.12022 (layerwise: its L-DoG);
//         Khaled, Mishchenko, Jin, "DoWG Unleashed", NeurIPS 2023, arXiv 2305.16284.
//   g <- g + weight_decay*w;   norms over all tensors, with layerwise over one
//   dog:  r = reps_rel*(1 + ||w0||) in step 1, later max(r, ||w - w0||);   q = q + ||g||^2, q = eps at first
//         w <- w - lr*r/sqrt(q)*g
//   dowg: d = max(d, ||w - w0||^2), d = init_sq_dist at first;   v = v + d*||g||^2
//         w <- w - lr*d/(sqrt(v) + eps)*g
#include "optim/rules/layer.h"
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

double squared_distance(const Tensor& w, const Tensor& w0) {
  return sum_elements(w, w0, [](real x, real y) {
    const double d = static_cast<double>(x) - static_cast<double>(y);
    return d * d;
  });
}
double squared_gradient(const Param& p, double l2) {
  const double length = decayed_norm(p.data, p.grad, l2);
  return length * length;
}
void descend(Param& p, double step, double weight_decay) {
  for_each_element(p.data, p.grad,
                   [c = real(step), l2 = real(weight_decay)](real& w, real g) { w -= c * (g + l2 * w); });
}

struct Dog {
  struct Options {
    double lr = 1, reps_rel = 1e-6, eps = 1e-8, weight_decay = 0;
    bool layerwise = false;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found", positive());
      f("reps_rel", reps_rel, "first distance relative to 1 + the norm of the first weights", positive());
      f("eps", eps, "added to the sum of squared gradients", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("layerwise", layerwise, "a distance and a sum for each tensor");
    }
  };
  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    const double lr_scale = pass.info.lr_scale;
    if (o.layerwise) {
      for (auto& [p, s, own, group, t] : pass.items) {
        const double far = std::sqrt(squared_distance(p.data, s.starting_at("w0", p.data)));
        const double reached = t == 1 ? o.reps_rel * (1 + norm(p.data)) : far;
        const double r = move(s, reached, squared_gradient(p, own.weight_decay), o.eps);
        descend(p, own.lr * lr_scale * r, own.weight_decay);
      }
      return;
    }
    double far = 0, start = 0, gg = 0;
    for (auto& [p, s, own, group, t] : pass.items) {
      const Tensor& w0 = s.starting_at("w0", p.data);
      far += squared_distance(p.data, w0);
      start += sum_of_squares(w0);
      gg += squared_gradient(p, own.weight_decay);
    }
    const bool first = !pass.shared.find_scalar("r");
    const double r =
        move(pass.shared, first ? o.reps_rel * (1 + std::sqrt(start)) : std::sqrt(far), gg, o.eps);
    for (auto& item : pass.items) descend(item.p, item.o.lr * lr_scale * r, item.o.weight_decay);
  }
  /// r/sqrt(q) after both have seen this step.
  static double move(State& s, double reached, double gg, double eps) {
    double &r = s.scalar("r"), &q = s.scalar("q", eps);
    r = std::max(r, reached);
    q += gg;
    return r / std::sqrt(q);
  }
};

struct DoWg {
  struct Options {
    double lr = 1, init_sq_dist = 1e-4, eps = 1e-4, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found", positive());
      f("init_sq_dist", init_sq_dist, "first squared distance", positive());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static double prepare(Pass<Options>& pass) {
    double &d = pass.shared.scalar("d", pass.options.init_sq_dist), &v = pass.shared.scalar("v");
    double far = 0, gg = 0;
    for (auto& [p, s, o, group, t] : pass.items) {
      far += squared_distance(p.data, s.starting_at("w0", p.data));
      gg += squared_gradient(p, o.weight_decay);
    }
    d = std::max(d, far);
    v += d * gg;
    return d / (std::sqrt(v) + pass.options.eps);
  }
  static void update(Param& p, State&, const Options& o, const StepInfo& k, double step) {
    descend(p, o.lr * k.lr_scale * step, o.weight_decay);
  }
};

}  // namespace

OptimizerEntry dog() {
  return rule_entry<Dog>({"dog", "step size: distance from the start over the root of summed gradients",
                          "Ivgi, Hinder, Carmon, ICML 2023, arXiv 2302.12022", 5});
}
OptimizerEntry dowg() {
  return rule_entry<DoWg>({"dowg", "as dog, gradients weighted by the distance",
                           "Khaled, Mishchenko, Jin, NeurIPS 2023, arXiv 2305.16284", 4});
}

}  // namespace gradus::rules
