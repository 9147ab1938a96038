// Ranger21: AdamW with eight additions.
// Paper: Wright, Demeure, "Ranger21: a synergistic deep learning optimizer", 2021, arXiv 2106.13731. Warm-up and warm-down
//        are schedules. The released code decays only a group's last tensor, never updates x and takes beta2 for f.
//   N(x): norm of each slice along the first dimension (vectors: of the whole)
//   1. T = agc_clip*max(N(w), agc_eps);  where N(g) > T: g = g*T/max(N(g), 1e-6)          2. centralize: as in ranger.cpp
//   3. normalize (more than 2 elements): g = g/(std(g) + 1e-8), std with n-1
//   4. v = beta2*v + (1-beta2)*g^2;   V = sqrt(mean of v/(1-beta2^t) over all elements of all tensors)
//   5. w <- w*(1 - lr*weight_decay/V)          6. w <- w*(1 - 2*lr*norm_loss*(1 - 1/(N(w) + eps)))
//   7. p, q as in pnm.cpp;   u = ((1+f)*a - f*b)/sqrt((1+f)^2 + f^2),  f = pnm_factor
//   8. x = max(x, v);   D = sqrt(x/(1-beta2^t)) + eps;   D = ln(1 + exp(softplus_beta*D))/softplus_beta
//      w <- w - lr/(1-beta1^t)*u/D          9. every k steps w = alpha*w + (1-alpha)*slow,  slow = w
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/rows.h"

namespace gradus::rules {
namespace {

struct Ranger21 {
  struct Options : MomentOptions {
    double agc_clip = 0.01, agc_eps = 1e-3, pnm_factor = 1, softplus_beta = 50, norm_loss = 1e-4, alpha = 0.5;
    bool centralize = true, normalize = true;
    int64 k = 5;
    Options() { weight_decay = 1e-4; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("agc_clip", agc_clip, "largest norm of a neuron's gradient relative to its weights'; 0: no limit",
        at_least(0));
      f("agc_eps", agc_eps, "least norm of the weights in that", positive());
      f("centralize", centralize, "take the mean out of each neuron's gradient");
      f("normalize", normalize, "divide a tensor's gradient by its standard deviation");
      f("pnm_factor", pnm_factor, "weight of the negative momentum", at_least(0));
      f("softplus_beta", softplus_beta, "softness of the least divisor; 0: none", at_least(0));
      f("norm_loss", norm_loss, "pull of each neuron's norm towards 1", at_least(0));
      f("k", k, "steps between two moves of the slow weights", at_least(1));
      f("alpha", alpha, "share of the fast weights in that", between(0, 1));
    }
  };
  /// Neurons: slices along the first dimension, a vector is one.
  static int64 neurons(const Param& p) { return p.is_matrix() ? p.rows() : 1; }
  /// Steps 1 to 3.
  static Tensor conditioned(const Param& p, const Options& o) {
    Tensor g = p.grad.clone();
    const int64 rows = neurons(p), n = rows ? p.data.numel() / rows : 0;
    if (n == 0) return g;
    real* data = g.mutable_data();
    for (int64 i = 0; i < rows; ++i) {
      real* row = data + i * n;
      const double size = row_norm(row, n),
                   most = o.agc_clip * std::max(row_norm(p.data.data() + i * n, n), o.agc_eps);
      if (o.agc_clip > 0 && size > most)
        elements(
            n, [c = real(most / std::max(size, 1e-6))](real& x) { x *= c; }, row);
      if (!o.centralize || !p.is_matrix()) continue;
      elements(
          n, [m = real(row_mean(row, n))](real& x) { x -= m; }, row);
    }
    const double count = static_cast<double>(g.numel());
    if (o.normalize && g.numel() > 2) {
      const double mean =
          sum_elements(std::as_const(g), [](real x) { return static_cast<double>(x); }) / count;
      const double squares = sum_elements(std::as_const(g), [=](real x) {
        const double d = static_cast<double>(x) - mean;
        return d * d;
      });
      for_each_element(g, [c = real(1 / (std::sqrt(squares / (count - 1)) + 1e-8))](real& x) { x *= c; });
    }
    return g;
  }
  static void step(Pass<Options>& pass) {
    std::vector<Tensor> gradients;
    MeanOverAll mean;
    for (auto& [p, s, o, group, t] : pass.items) {
      gradients.push_back(conditioned(p, o));
      const Ema second(o.beta2);
      for_each_element(s("v"), std::as_const(gradients.back()),
                       [=](real& v, real g) { v = second(v, g * g); });
      mean.add(s("v"), bias_correction(o.beta2, t));
    }
    const double V = std::sqrt(mean.value());
    for (size_t i = 0; i < pass.items.size(); ++i) {
      auto& [p, s, o, group, t] = pass.items[i];
      move(p, s, o, gradients[i], t, o.lr * pass.info.lr_scale, V);
    }
  }
  /// Steps 5 to 9.
  static void move(Param& p, State& s, const Options& o, const Tensor& g, int64 t, double lr, double V) {
    const int64 rows = neurons(p), n = rows ? p.data.numel() / rows : 0;
    if (n == 0) return;
    Tensor& slow = s.starting_at("slow", p.data);
    const double keep = V > 0 ? 1 - lr * o.weight_decay / V : 1;
    real* w = p.data.mutable_data();
    for_each_row(rows, n, [=, &o](int64 i) {
      real* row = w + i * n;
      elements(
          n, [c = real(keep)](real& x) { x *= c; }, row);
      const double pull = 1 - 2 * lr * o.norm_loss * (1 - 1 / (row_norm(row, n) + o.eps));
      elements(
          n, [c = real(pull)](real& x) { x *= c; }, row);
    });
    const Ema mean(o.beta1 * o.beta1);
    const double f = o.pnm_factor, scale = lr / bias_correction(o.beta1, t) / std::hypot(1 + f, f);
    const real plus = real(scale * (1 + f)), minus = real(scale * f), eps = real(o.eps);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, t))), sharp = real(o.softplus_beta);
    const bool soft = o.softplus_beta > 0;
    for_each_element(p.data, g, s(t % 2 ? "p" : "q"), std::as_const(s(t % 2 ? "q" : "p")),
                     std::as_const(s("v")), s("x"), [=](real& y, real d, real& a, real b, real v, real& x) {
                       a = mean(a, d);
                       x = std::max(x, v);
                       real D = std::sqrt(x) * root + eps;
                       // ln(1 + e^z) without overflow
                       if (soft) D += std::log1p(std::exp(-sharp * D)) / sharp;
                       y -= (plus * a - minus * b) / D;
                     });
    if (t % o.k == 0)
      for_each_element(p.data, slow, [a = real(o.alpha), b = real(1 - o.alpha)](real& y, real& x) {
        y = a * y + b * x;
        x = y;
      });
  }
};

}  // namespace

OptimizerEntry ranger21() {
  return rule_entry<Ranger21>({"ranger21", "AdamW with eight additions, from clipping to slow weights",
                               "Wright, Demeure, 2021, arXiv 2106.13731", 6});
}

}  // namespace gradus::rules
