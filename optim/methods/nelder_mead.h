// Minimisation without gradients by a simplex that moves.
//
// Paper: Nelder, Mead, The Computer Journal 7(4), 1965; in the form that Moskovitz et al. (ICLR 2024, arXiv 2310.04373) search
//        thresholds with.
//   each iteration: sort by f (stably); w the worst point, c the mean of all others;  R = c + alpha*(c - w)
//   f(best) <= f(R) < f(second worst):  w = R
//   f(R) < f(best):  E = c + gamma*(R - c);  w = E if f(E) < f(best), else R
//   else K = c + rho*(w - c);  if f(K) < f(w): w = K, else all but the best move: x = best + sigma*(x - best), and the search ends
//   where the deviation (of the population) of all values is below tol
// Values are cached: a point that was evaluated, or else the first one closer than cache_tol in every coordinate, gives its value.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/options.h"

namespace gradus {

struct NelderMeadOptions {
  double alpha = 1, gamma = 2, rho = 0.5, sigma = 0.5, tol = 0.01, cache_tol = 5e-3;
  int64 max_iters = 20;
  void visit(auto&& f) {
    f("alpha", alpha, "reflection", positive());
    f("gamma", gamma, "expansion", positive());
    f("rho", rho, "contraction", between(-1, 1));
    f("sigma", sigma, "shrinking", between(0, 1));
    f("tol", tol, "deviation of the values below which a search that shrank ends", at_least(0));
    f("max_iters", max_iters, "iterations at most", at_least(0));
    f("cache_tol", cache_tol, "points closer than this in every coordinate share a value", at_least(0));
  }
};

enum class SimplexMove { kReflect, kExpand, kReflectBeyondBest, kContract, kShrink };

class NelderMead {
 public:
  using Point = std::vector<double>;
  using Function = std::function<double(const Point&)>;
  /// `simplex`: n+1 points of n numbers. Throws ShapeError for others.
  NelderMead(std::vector<Point> simplex, Function f, const NelderMeadOptions& options = {});

  /// One iteration. Throws NumericError where f is NaN.
  SimplexMove step();
  /// Iterations until max_iters or tol; the moves that were made.
  std::vector<SimplexMove> run();
  bool done() const { return done_; }

  const std::vector<Point>& simplex() const {
    return simplex_;
  }                              ///< as the last iteration left it, not sorted
  std::vector<double> values();  ///< of its points
  const Point& best();
  int64 evaluations() const { return static_cast<int64>(cache_.size()); }

 private:
  double value(const Point& x);

  std::vector<Point> simplex_;
  Function f_;
  NelderMeadOptions o_;
  std::vector<std::pair<Point, double>> cache_;
  bool done_ = false;
};

}  // namespace gradus
