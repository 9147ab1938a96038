// Rules that look at a layer as a whole: its norm.
#pragma once

#include <cmath>
#include <vector>

#include "lab.h"

using Numbers = std::vector<double>;
struct State {
  Numbers m, v;  // empty before the first step
  long t = 0;
};

// ---- Part 1

// Euclidean norm.
inline double norm(const Numbers& x) {
  // BEGIN SOLUTION 1.1
  double squares = 0;
  for (const double v : x) squares += v * v;
  return std::sqrt(squares);
  // END SOLUTION
}

// LARS. You, Gitman, Ginsburg, 2017, arXiv 1708.03888. How long a layer's step is beside its weights:
//   trust ||w|| / (||g|| + weight_decay ||w|| + eps);    1 where ||w|| or ||g|| is 0
struct LarsOptions {
  double lr = 1, momentum = 0.9, weight_decay = 5e-4, trust = 1e-3, eps = 0;
};
inline double lars_rate(const Numbers& w, const Numbers& g, const LarsOptions& o) {
  // BEGIN SOLUTION 1.2
  const double nw = norm(w), ng = norm(g);
  if (!(nw > 0 && ng > 0)) return 1;
  return o.trust * nw / (ng + o.weight_decay * nw + o.eps);
  // END SOLUTION
}

//   v = momentum v + lr rate (g + weight_decay w),   w <- w - v            v begins at 0
// `vector`: biases and norms have rate 1 and no decay.
inline void lars(Numbers& w, const Numbers& g, State& s, const LarsOptions& o, bool vector) {
  // BEGIN SOLUTION 1.3
  s.v.resize(w.size(), 0);
  const double rate = vector ? 1 : lars_rate(w, g, o), decay = vector ? 0 : o.weight_decay;
  for (size_t i = 0; i < w.size(); ++i) {
    s.v[i] = o.momentum * s.v[i] + o.lr * rate * (g[i] + decay * w[i]);
    w[i] -= s.v[i];
  }
  // END SOLUTION
}

// LAMB. You et al., ICLR 2020, arXiv 1904.00962, Algorithm 2: Adam's direction at the length of the layer's weights.
//   m, v, mhat, vhat as in Adam;   u = mhat / (sqrt(vhat) + eps) + weight_decay w
//   w <- w - lr ||w|| / ||u|| u              the ratio is 1 where a norm is 0, and for a vector, which has no decay
struct LambOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0;
};
inline void lamb(Numbers& w, const Numbers& g, State& s, const LambOptions& o, bool vector) {
  // BEGIN SOLUTION 1.4
  s.m.resize(w.size(), 0);
  s.v.resize(w.size(), 0);
  ++s.t;
  Numbers u(w.size());
  for (size_t i = 0; i < w.size(); ++i) {
    s.m[i] = o.beta1 * s.m[i] + (1 - o.beta1) * g[i];
    s.v[i] = o.beta2 * s.v[i] + (1 - o.beta2) * g[i] * g[i];
    const double mhat = s.m[i] / (1 - std::pow(o.beta1, double(s.t))),
                 vhat = s.v[i] / (1 - std::pow(o.beta2, double(s.t)));
    u[i] = mhat / (std::sqrt(vhat) + o.eps) + (vector ? 0 : o.weight_decay * w[i]);
  }
  const double nw = norm(w), nu = norm(u), ratio = vector || !(nw > 0 && nu > 0) ? 1 : nw / nu;
  for (size_t i = 0; i < w.size(); ++i) w[i] -= o.lr * ratio * u[i];
  // END SOLUTION
}
