// How gradient descent from a small start learns a matrix rank by rank, and what it is compared with.
//
// Paper: Jin, Li, Lyu, Du, Lee, "Understanding Incremental Learning of Gradient Descent: A Fine-grained Analysis of Matrix
//        Sensing", ICML 2023, arXiv 2301.11500. Greedy low-rank learning: Li, Luo, Lyu, ICLR 2021, arXiv 2012.09839.
//   U_{t+1} = U_t - lr * grad f(U_t),  f(U) = 1/(4m) * sum_i (<A_i, U U'> - y_i)^2,  U_0 = alpha * Gaussian
//   Z_s = the product U U' that minimises f among U with s columns
//   e_s(t) = ||U_t U_t' - Z_s||_F / ||Z_s||_F,   T_s = argmin over t of e_s(t)
// The paper: min over t of e_s(t) -> 0 as alpha -> 0, with T_1 < T_2 < ...
//   greedy: U = (); phase: append the column eps * (unit top eigenvector of -R), then `steps` descent steps
#pragma once

#include <functional>
#include <vector>

#include "core/options.h"
#include "optim/problems/matrix_sensing.h"

namespace gradus {

/// U after `steps` steps; `watch(t, U_t, loss)` is called for t = 0..steps. Throws NumericError where the loss is not finite.
Tensor sensing_descent(const MatrixSensing& problem, const Tensor& u, double lr, int64 steps,
                       const std::function<void(int64, const Tensor&, double)>& watch);

/// The smallest e_s, and the first t that has it, for each target.
struct RankPhase {
  double error;
  int64 time;
};
std::vector<RankPhase> rank_phases(const MatrixSensing& problem, const Tensor& u, double lr, int64 steps,
                                   const std::vector<Tensor>& targets);

/// Z_s for each s in `ranks`, by descent from the best approximation of that rank of `near` (n,n), an estimate of M*, until
/// the gradient is below 1e-12 or no step makes it smaller. Throws UsageError for a rank outside 1..n.
std::vector<Tensor> best_rank_solutions(const MatrixSensing& problem, const Tensor& near,
                                        const std::vector<int64>& ranks);

struct GreedyOptions {
  double eps = 0.01, lr = 0.1;
  int64 steps = 1000, phases = 1;
  void visit(auto&& f) {
    f("eps", eps, "length of a new column", positive());
    f("lr", lr, "step size", positive());
    f("steps", steps, "descent steps of a phase", at_least(0));
    f("phases", phases, "columns added", at_least(1));
  }
};
/// U U' and f after each phase.
struct GreedyPhase {
  Tensor product;
  double loss;
};
std::vector<GreedyPhase> greedy_low_rank(const MatrixSensing& problem, const GreedyOptions& options);

}  // namespace gradus
