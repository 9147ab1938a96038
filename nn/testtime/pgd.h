// Projected gradient ascent of a loss over a box around an input: the strongest first-order attack.
//
// Papers: Madry, Makelov, Schmidt, Tsipras, Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, arXiv
//         1706.06083; with momentum as in Bai, Anderson, Kim, Sojoudi, 2023, arXiv 2301.12554.
//   x_0 = clamp(x + eps*start, 0, 1)
//   m <- dloss/dx + momentum_decay*m
//   x <- clamp(x_orig + clamp(x + step_size*sign(m) - x_orig, -eps, eps), 0, 1)
#pragma once

#include <functional>
#include <vector>

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct PgdOptions {
  double eps = 0.1, step_size = 0.025, momentum_decay = 0;
  int64 steps = 7;
  void visit(auto&& f) {
    f("eps", eps, "largest change of a number", at_least(0));
    f("step_size", step_size, "change of a number in a step", at_least(0));
    f("steps", steps, "number of steps", at_least(0));
    f("momentum_decay", momentum_decay, "of the gradients before", at_least(0));
  }
};
struct Attacked {
  Tensor x;                    ///< within eps of the input, and within [0,1]
  std::vector<double> losses;  ///< before each step
};
/// `loss` gives one number for inputs like x (values in [0,1]); nothing but the input is differentiated. `start` like x, in [-1,1].
/// Throws ShapeError.
Attacked pgd_attack(const std::function<Tensor(const Tensor& x)>& loss, const Tensor& x, const Tensor& start,
                    const PgdOptions& options = {});

}  // namespace gradus
