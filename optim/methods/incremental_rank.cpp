#include "optim/methods/incremental_rank.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

double frobenius(const Tensor& x) {
  double sum = 0;
  for (real v : x.span()) sum += double(v) * double(v);
  return std::sqrt(sum);
}

// The s largest eigenpairs as a factor: X X' is the best approximation of rank s.
Tensor largest_pairs(const Tensor& matrix, int64 s) {
  const linalg::Eigen eigen = linalg::eigh(matrix);
  const int64 n = matrix.dim(0);
  Tensor x({n, s});
  real* to = x.mutable_data();
  for (int64 j = 0; j < s; ++j) {
    const int64 from = n - 1 - j;
    const double root = std::sqrt(std::max(0.0, double(eigen.values.data()[from])));
    for (int64 i = 0; i < n; ++i)
      to[i * s + j] = static_cast<real>(root * double(eigen.vectors.data()[i * n + from]));
  }
  return x;
}

// Descends until the gradient is below `enough` or has not become smaller for a while.
Tensor minimise(const MatrixSensing& p, Tensor u) {
  constexpr double kEnough = 1e-12;
  constexpr int64 kMost = 100000, kPatience = 200;
  const double largest = double(linalg::eigh(linalg::matmul(u, u, false, true)).values.data()[u.dim(0) - 1]);
  const real lr = static_cast<real>(0.2 / std::max(largest, 1e-300));
  double best = std::numeric_limits<double>::infinity();
  for (int64 step = 0, since = 0; step < kMost && since < kPatience; ++step) {
    const Tensor gradient = sensing_point(p, u).gradient;
    const double length = frobenius(gradient);
    if (length < kEnough) break;
    since = length < best ? 0 : since + 1;
    best = std::min(best, length);
    u = u - gradient * lr;
  }
  return linalg::matmul(u, u, false, true);
}

}  // namespace

Tensor sensing_descent(const MatrixSensing& p, const Tensor& start, double lr, int64 steps,
                       const std::function<void(int64, const Tensor&, double)>& watch) {
  Tensor u = start.clone();
  for (int64 t = 0;; ++t) {
    const SensingPoint point = sensing_point(p, u);
    if (!std::isfinite(point.loss))
      fail<NumericError>("matrix sensing: the loss is {} at step {}", point.loss, t);
    watch(t, u, point.loss);
    if (t == steps) return u;
    u = u - point.gradient * static_cast<real>(lr);
  }
}

std::vector<RankPhase> rank_phases(const MatrixSensing& p, const Tensor& u, double lr, int64 steps,
                                   const std::vector<Tensor>& targets) {
  std::vector<RankPhase> phases(targets.size(), {std::numeric_limits<double>::infinity(), 0});
  sensing_descent(p, u, lr, steps, [&](int64 t, const Tensor& at, double) {
    for (size_t s = 0; s < targets.size(); ++s) {
      const double error = product_error(at, targets[s]);
      if (error < phases[s].error) phases[s] = {error, t};
    }
  });
  return phases;
}

std::vector<Tensor> best_rank_solutions(const MatrixSensing& p, const Tensor& near,
                                        const std::vector<int64>& ranks) {
  std::vector<Tensor> solutions;
  for (const int64 s : ranks) {
    if (s < 1 || s > near.dim(0))
      fail<UsageError>("best rank solutions: rank {} of a matrix {}", s, near.shape().str());
    solutions.push_back(minimise(p, largest_pairs(near, s)));
  }
  return solutions;
}

std::vector<GreedyPhase> greedy_low_rank(const MatrixSensing& p, const GreedyOptions& o) {
  std::vector<GreedyPhase> phases;
  const int64 n = p.size();
  Tensor u;
  for (int64 phase = 0; phase < o.phases; ++phase) {
    const Tensor residual = sensing_point(p, u ? u : Tensor::zeros({n, 1})).residual_matrix;
    const linalg::Eigen eigen = linalg::eigh(-residual);
    Tensor column({n, 1});
    for (int64 i = 0; i < n; ++i)
      column.mutable_data()[i] = static_cast<real>(o.eps * double(eigen.vectors.data()[i * n + n - 1]));
    u = u ? concat(std::array{u, column}, 1) : column;
    double loss = 0;
    u = sensing_descent(p, u, o.lr, o.steps, [&](int64, const Tensor&, double now) { loss = now; });
    phases.push_back({linalg::matmul(u, u, false, true), loss});
  }
  return phases;
}

}  // namespace gradus
