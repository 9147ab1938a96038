// Rules: how a parameter moves, given its gradient. Each works on the numbers of one parameter, in place, and keeps what it has
// to remember in a State of that parameter, which is empty before the first step.
#pragma once

#include <cmath>
#include <vector>

#include "lab.h"

using Numbers = std::vector<double>;

struct State {
  Numbers m, v;  // running means, as a rule needs them
  long t = 0;    // steps taken: a rule that needs the number counts it itself
};

// Makes the running means of a State as long as w, with zeros, where they are not yet.
inline void prepare(State& s, const Numbers& w) {
  if (s.m.empty()) s.m.resize(w.size(), 0);
  if (s.v.empty()) s.v.resize(w.size(), 0);
}

// ---- Part 1: forms of SGD

// w <- w - lr g
inline void sgd(Numbers& w, const Numbers& g, double lr) {
  // BEGIN SOLUTION 1.1
  for (size_t i = 0; i < w.size(); ++i) w[i] -= lr * g[i];
  // END SOLUTION
}

// With momentum, as PyTorch writes it (d: dampening, decay added to the gradient):
//   g <- g + weight_decay w
//   m = g at the first step, then m = momentum m + (1 - d) g
//   w <- w - lr m
struct MomentumOptions {
  double lr = 0.1, momentum = 0.9, dampening = 0, weight_decay = 0;
};
inline void sgd_momentum(Numbers& w, const Numbers& g, State& s, const MomentumOptions& o) {
  // BEGIN SOLUTION 1.2
  prepare(s, w);
  const bool first = s.t++ == 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double d = g[i] + o.weight_decay * w[i];
    s.m[i] = first ? d : o.momentum * s.m[i] + (1 - o.dampening) * d;
    w[i] -= o.lr * s.m[i];
  }
  // END SOLUTION
}

// Nesterov's form of it (no dampening): g, with its decay, and m as above; the step looks ahead along the new momentum,
//   w <- w - lr (g + momentum m)
inline void sgd_nesterov(Numbers& w, const Numbers& g, State& s, const MomentumOptions& o) {
  // BEGIN SOLUTION 1.3
  prepare(s, w);
  ++s.t;
  for (size_t i = 0; i < w.size(); ++i) {
    const double d = g[i] + o.weight_decay * w[i];
    s.m[i] = o.momentum * s.m[i] + d;
    w[i] -= o.lr * (d + o.momentum * s.m[i]);
  }
  // END SOLUTION
}

// Under a gradient that never changes, momentum without dampening comes to move as plain SGD does with another step size. Which?
inline double equivalent_lr(double lr, double momentum) {
  // BEGIN SOLUTION 1.4
  return lr / (1 - momentum);
  // END SOLUTION
}

// ---- Part 2: Adam. Kingma and Ba, ICLR 2015, arXiv 1412.6980, Algorithm 1.

// A running mean, one step: m = beta m + (1 - beta) x
inline double ema(double m, double x, double beta) {
  // BEGIN SOLUTION 2.1
  return beta * m + (1 - beta) * x;
  // END SOLUTION
}

// A running mean that began at 0 is too small: after t steps on the same x it is x times a factor. That factor, section 3 of
// the paper.
inline double bias_correction(double beta, long t) {
  // BEGIN SOLUTION 2.2
  return 1 - std::pow(beta, double(t));
  // END SOLUTION
}

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
};

//   g <- g + weight_decay w
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//   w <- w - lr mhat / (sqrt(vhat) + eps)         mhat, vhat: divided by their factors; eps outside of the root
inline void adam(Numbers& w, const Numbers& g, State& s, const AdamOptions& o) {
  // BEGIN SOLUTION 2.3
  prepare(s, w);
  ++s.t;
  for (size_t i = 0; i < w.size(); ++i) {
    const double d = g[i] + o.weight_decay * w[i];
    s.m[i] = ema(s.m[i], d, o.beta1);
    s.v[i] = ema(s.v[i], d * d, o.beta2);
    w[i] -= o.lr * (s.m[i] / bias_correction(o.beta1, s.t)) /
            (std::sqrt(s.v[i] / bias_correction(o.beta2, s.t)) + o.eps);
  }
  // END SOLUTION
}

// How far Adam's first step moves a weight whose first gradient is g (as a positive or negative change of the weight).
inline double adam_first_step(double g, const AdamOptions& o) {
  // BEGIN SOLUTION 2.4
  return -o.lr * g / (std::fabs(g) + o.eps);
  // END SOLUTION
}

// AdamW. Loshchilov and Hutter, ICLR 2019, arXiv 1711.05101, Algorithm 2: decay beside the gradient, not within it.
//   w <- w - lr weight_decay w,  then Adam's step by g alone
inline void adamw(Numbers& w, const Numbers& g, State& s, const AdamOptions& o) {
  // BEGIN SOLUTION 2.5
  for (double& x : w) x -= o.lr * o.weight_decay * x;
  AdamOptions rest = o;
  rest.weight_decay = 0;
  adam(w, g, s, rest);
  // END SOLUTION
}

// ---- Part 3: two of its children

// AdaBelief. Zhuang et al., NeurIPS 2020, arXiv 2010.07468, Algorithm 2, with decoupled decay:
//   w <- w - lr weight_decay w
//   m = beta1 m + (1 - beta1) g
//   v = beta2 v + (1 - beta2) (g - m)^2 + eps          the new m; eps stays in v
//   w <- w - lr mhat / (sqrt(vhat) + eps)
inline void adabelief(Numbers& w, const Numbers& g, State& s, const AdamOptions& o) {
  // BEGIN SOLUTION 3.1
  prepare(s, w);
  ++s.t;
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] -= o.lr * o.weight_decay * w[i];
    s.m[i] = ema(s.m[i], g[i], o.beta1);
    const double surprise = g[i] - s.m[i];
    s.v[i] = ema(s.v[i], surprise * surprise, o.beta2) + o.eps;
    w[i] -= o.lr * (s.m[i] / bias_correction(o.beta1, s.t)) /
            (std::sqrt(s.v[i] / bias_correction(o.beta2, s.t)) + o.eps);
  }
  // END SOLUTION
}

// 1, -1 or, at 0, 0.
inline double sign(double x) {
  // BEGIN SOLUTION 3.2
  return x > 0 ? 1 : x < 0 ? -1 : 0;
  // END SOLUTION
}

// Lion. Chen et al., NeurIPS 2023, arXiv 2302.06675, Algorithm 2.
//   w <- w - lr weight_decay w
//   w <- w - lr sign(beta1 m + (1 - beta1) g)
//   m = beta2 m + (1 - beta2) g                        from the old m
inline void lion(Numbers& w, const Numbers& g, State& s, const AdamOptions& o) {
  // BEGIN SOLUTION 3.3
  prepare(s, w);
  for (size_t i = 0; i < w.size(); ++i) {
    w[i] -= o.lr * o.weight_decay * w[i];
    w[i] -= o.lr * sign(ema(s.m[i], g[i], o.beta1));
    s.m[i] = ema(s.m[i], g[i], o.beta2);
  }
  // END SOLUTION
}
