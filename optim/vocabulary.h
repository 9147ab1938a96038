// Words that many rules share. Scalars are computed in double and hoisted to `real` once per tensor.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/real.h"

namespace gradus {

/// 1 - beta^t: what an exponential mean that started at zero has seen of the present after t steps.
inline double bias_correction(double beta, int64 t) { return 1 - std::pow(beta, static_cast<double>(t)); }

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

inline real square(real x) { return x * x; }
/// -1, 0 or 1; 0 for 0, so that what has no gradient does not move.
inline real sign(real x) { return static_cast<real>((x > 0) - (x < 0)); }

}  // namespace gradus
