// LAMB: Adam's direction, rescaled in every layer to the norm of its weights.
// Paper: You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer, Hsieh, "Large Batch Optimization for
//        Deep Learning: Training BERT in 76 minutes", ICLR 2020, arXiv 1904.00962, Algorithm 2.
//   m = beta1*m + (1-beta1)*g        v = beta2*v + (1-beta2)*g^2
//   r = mhat/(sqrt(vhat) + eps)      mhat = m/(1-beta1^t), vhat = v/(1-beta2^t)
//   u = r + weight_decay*w
//   w <- w - lr * phi(||w||)/||u|| * u           the ratio is 1 where a norm is 0
// phi(z) = z, or min(max(z, gamma_l), gamma_u) where these are set.
// bias_correction = false is arXiv v3 and the PyTorch port: mhat = m, vhat = v. adam: the ratio is 1 everywhere.
// exclude_1d: biases and norm gains have no decay and ratio 1.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/layer.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Lamb {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0, gamma_l = 0, gamma_u = 0;
    bool bias_correction = true, exclude_1d = true, adam = false;
    void visit(auto&& f) {
      f("lr", lr, "relative change of a layer per step", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "decoupled from the moments, inside the trust ratio", at_least(0));
      f("bias_correction", bias_correction, "divide the moments by 1 - beta^t");
      f("exclude_1d", exclude_1d, "no decay and no ratio for biases and norm gains");
      f("gamma_l", gamma_l, "smallest ||w|| that counts; 0: off", at_least(0));
      f("gamma_u", gamma_u, "largest ||w|| that counts; 0: off", at_least(0));
      f("adam", adam, "ratio 1 everywhere: AdamW");
    }
  };

  static double phi(double z, const Options& o) {
    if (o.gamma_l > 0) z = std::max(z, o.gamma_l);
    return o.gamma_u > 0 ? std::min(z, o.gamma_u) : z;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool plain = o.exclude_1d && is_excluded(p);
    const Ema first(o.beta1), second(o.beta2);
    const real decay = real(plain ? 0 : o.weight_decay), eps = real(o.eps);
    const real scale = real(o.bias_correction ? 1 / bias_correction(o.beta1, k.t) : 1);
    const real root = real(o.bias_correction ? 1 / std::sqrt(bias_correction(o.beta2, k.t)) : 1);
    Tensor &m = s("m"), &v = s("v");
    for_each_element(p.grad, m, v, [=](real g, real& mean, real& square) {
      mean = first(mean, g);
      square = second(square, g * g);
    });
    const auto direction = [=](real w, real mean, real square) {
      return scale * mean / (root * std::sqrt(square) + eps) + decay * w;
    };
    double ratio = 1;
    if (!plain && !o.adam) {
      const double nw = norm(p.data), nu = std::sqrt(sum_elements(p.data, m, v, [=](real w, real a, real b) {
                                        const double u = static_cast<double>(direction(w, a, b));
                                        return u * u;
                                      }));
      if (nw > 0 && nu > 0) ratio = phi(nw, o) / nu;
    }
    const Tensor &mean = m, &square = v;
    for_each_element(p.data, mean, square,
                     [=, step = real(o.lr * k.lr_scale * ratio)](real& w, real a, real b) {
                       w -= step * direction(w, a, b);
                     });
  }
};

}  // namespace

OptimizerEntry lamb() {
  return rule_entry<Lamb>({"lamb", "Adam's direction scaled to the norm of each layer's weights",
                           "You et al., ICLR 2020, arXiv 1904.00962", 4});
}

}  // namespace gradus::rules
