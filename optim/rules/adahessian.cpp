// AdaHessian: Adam with the Hessian's diagonal in place of the gradient's squares.
// Paper: Yao, Gholami, Shen, Mustafa, Keutzer, Mahoney, "ADAHESSIAN: An Adaptive Second Order Optimizer for Machine
//        Learning", AAAI 2021, arXiv 2006.00719.
//   d = z*(H z),  z = +-1 at random
//   spatial_averaging: in tensors of rank 4, d = mean of |d| over the last two axes
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*d^2
//   w <- w - lr*((m/(1-beta1^t))/((v/(1-beta2^t))^(hessian_power/2) + eps) + weight_decay*w)
#include <cmath>

#include "optim/rules/objective_rules.h"
#include "optim/rules/probes.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct AdaHessian {
  struct Options : MomentOptions {
    double hessian_power = 1;
    bool spatial_averaging = true;
    Options() { lr = 0.15, eps = 1e-4; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("hessian_power", hessian_power, "power of the diagonal in the step", between(0, 1));
      f("spatial_averaging", spatial_averaging, "one curvature for each filter of a convolution");
    }
  };
  static constexpr bool kDecoupled = true;
  static Needs needs(const Options&) { return {.hvp = true}; }

  // |d| averaged over blocks of the last two axes.
  static void average(Tensor& d) {
    const int64 size = d.dim(2) * d.dim(3);
    real* at = d.mutable_data();
    for_each_row(size ? d.numel() / size : 0, size, [&](int64 block) {
      real* p = at + block * size;
      const double sum = sum_of(
          size, [](real x) { return std::abs(static_cast<double>(x)); }, static_cast<const real*>(p));
      std::fill_n(p, size, real(sum / static_cast<double>(size)));
    });
  }

  static void step(Pass<Options>& pass) {
    Around around(pass);
    const DiagonalEstimate now = hessian_diagonal(pass, around, 0);
    for (auto& item : pass.items) {
      const Options& o = item.o;
      Tensor d = now.product[item.p.index].clone();
      for_each_element(d, now.z[item.p.index], [](real& h, real z) { h *= z; });
      if (o.spatial_averaging && d.rank() == 4) average(d);
      const double lr = o.lr * pass.info.lr_scale;
      const Ema mean(o.beta1), second(o.beta2);
      const real keep = real(1 - lr * o.weight_decay), c = real(lr / bias_correction(o.beta1, item.t)),
                 scale = real(1 / bias_correction(o.beta2, item.t)), eps = real(o.eps),
                 power = real(o.hessian_power / 2);
      const bool root = o.hessian_power == 1;
      for_each_element(item.p.data, item.p.grad, std::as_const(d), item.s("m"), item.s("v"),
                       [=](real& w, real g, real curvature, real& m, real& v) {
                         m = mean(m, g);
                         v = second(v, curvature * curvature);
                         const real size = root ? std::sqrt(v * scale) : std::pow(v * scale, power);
                         w = keep * w - c * m / (size + eps);
                       });
    }
  }
};

}  // namespace

OptimizerEntry adahessian() {
  return rule_entry<AdaHessian>({"adahessian", "Adam with the Hessian's diagonal as second moment",
                                 "Yao et al., AAAI 2021, arXiv 2006.00719", 4});
}

}  // namespace gradus::rules
