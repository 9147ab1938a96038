// Words that many rules share. Scalars are computed in double and hoisted to `real` once per tensor.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/options.h"
#include "core/real.h"

namespace gradus {

/// 1 - beta^t: what an exponential mean that started at zero has seen of the present after t steps.
inline double bias_correction(double beta, int64 t) { return 1 - std::pow(beta, static_cast<double>(t)); }

/// Adam's step size where the bias correction is folded into it and eps stands next to the uncorrected root
/// (section 2 of the paper): lr * sqrt(1-beta2^t)/(1-beta1^t).
inline double efficient_step(double lr, double beta1, double beta2, int64 t) {
  return lr * std::sqrt(bias_correction(beta2, t)) / bias_correction(beta1, t);
}

/// RAdam's rectification r_t of the variance of 1/sqrt(v), or nothing while the second moment has seen too
/// little (rho_t < threshold, which is at least 4). Liu et al., ICLR 2020, arXiv 1908.03265.
inline std::optional<double> rectification(double beta2, int64 t, double threshold = 5) {
  const double most = 2 / (1 - beta2) - 1;
  const double power = std::pow(beta2, static_cast<double>(t));
  const double rho = most - 2 * static_cast<double>(t) * power / (1 - power);
  if (rho < threshold) return std::nullopt;
  return std::sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho));
}

/// Exponential mean: mean(old, x) = beta*old + (1-beta)*x.
struct Ema {
  real keep, take;
  explicit Ema(double beta) : keep(static_cast<real>(beta)), take(static_cast<real>(1 - beta)) {}
  real operator()(real old, real x) const { return keep * old + take * x; }
};

/// Weight decay in both forms. Coupled (L2): the gradient becomes g + l2*w. Decoupled: w shrinks to keep*w.
struct Decay {
  real l2 = 0, keep = 1;
  static Decay coupled(double weight_decay) { return {static_cast<real>(weight_decay), 1}; }
  static Decay decoupled(double weight_decay, double lr) {
    return {0, static_cast<real>(1 - lr * weight_decay)};
  }
  static Decay of(double weight_decay, double lr, bool is_decoupled) {
    return is_decoupled ? decoupled(weight_decay, lr) : coupled(weight_decay);
  }
};

/// Limits of an eps under or beside a root: large enough that zero gradients give 0/eps = 0 in float32 too.
inline Limits epsilon() { return at_least(1e-37); }

inline real square(real x) { return x * x; }
/// -1, 0 or 1; 0 for 0, so that what has no gradient does not move.
inline real sign(real x) { return static_cast<real>((x > 0) - (x < 0)); }

}  // namespace gradus
