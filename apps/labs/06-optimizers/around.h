// What stands around a rule: schedules, clipping, which parameters decay.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "rules.h"

// ---- Part 4

// The factor on the step size before step `step` = 0, 1, ... of `steps`: it rises linearly over the first `warmup` steps,
// (step + 1) / warmup, then falls from 1 to 0 along half a cosine, 1 at step `warmup` and 0 at step `steps` (which is not taken).
// warmup < steps; 0: no rise.
inline double cosine_with_warmup(long step, long steps, long warmup) {
  // BEGIN SOLUTION 4.1
  if (step < warmup) return double(step + 1) / double(warmup);
  const double done = double(step - warmup) / double(steps - warmup);
  return 0.5 * (1 + std::cos(3.14159265358979323846 * done));
  // END SOLUTION
}

// Scales all gradients together so that their common norm is at most `most`; leaves them where it is. Returns the norm there was.
inline double clip_norm(std::vector<Numbers>& gradients, double most) {
  // BEGIN SOLUTION 4.2
  double squares = 0;
  for (const Numbers& g : gradients)
    for (const double x : g) squares += x * x;
  const double norm = std::sqrt(squares);
  if (norm > most)
    for (Numbers& g : gradients)
      for (double& x : g) x *= most / norm;
  return norm;
  // END SOLUTION
}

// Weight decay is for the weights of layers: 0 for parameters whose name ends in "bias" and for those of norms, whose name
// contains "norm"; `weight_decay` for all others.
inline double decay_of(const std::string& name, double weight_decay) {
  // BEGIN SOLUTION 4.3
  const std::string end = "bias";
  const bool bias = name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  return bias || name.find("norm") != std::string::npos ? 0 : weight_decay;
  // END SOLUTION
}

// Adam on Rosenbrock's f(x, y) = (1 - x)^2 + 100 (y - x^2)^2 from (x, y), the step size by cosine_with_warmup over all `steps`.
// Returns the point reached.
inline Numbers descend_rosenbrock(Numbers at, AdamOptions o, long steps, long warmup) {
  // BEGIN SOLUTION 4.4
  State s;
  const double lr = o.lr;
  for (long t = 0; t < steps; ++t) {
    const double x = at[0], y = at[1];
    o.lr = lr * cosine_with_warmup(t, steps, warmup);
    adam(at, {-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)}, s, o);
  }
  return at;
  // END SOLUTION
}
