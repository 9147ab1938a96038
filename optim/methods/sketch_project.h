// Symmetric linear systems by random projections: each draw projects z onto the solutions of one combination of the equations.
//
// Paper: Gower, Richtarik, "Randomized Iterative Methods for Linear Systems", SIAM J. Matrix Anal. Appl. 36, 2015, arXiv
//        1506.03296; randomised Kaczmarz: Strohmer, Vershynin, J. Fourier Anal. Appl. 15, 2009, arXiv math/0702226.
//   r = K z - b
//   kaczmarz, row i:      z -= r_i/||K_i||^2 * K_i
//   gaussian, vector s:   a = K s;  z -= (s'r)/(a'a) * a
// ||z - K^{-1} b|| never grows.
#pragma once

#include <functional>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// Where draws come from.
class SketchSource {
 public:
  virtual ~SketchSource() = default;
  /// Uniform in 0..n-1.
  virtual int64 row(int64 n) = 0;
  /// Standard normal, n of them.
  virtual std::vector<double> vector(int64 n) = 0;
};
class RandomSketches : public SketchSource {
 public:
  explicit RandomSketches(const Rng& rng) : rng_(rng) {}
  int64 row(int64 n) override { return rng_.below(n); }
  std::vector<double> vector(int64 n) override;

 private:
  Rng rng_;
};

/// A symmetric system and an approximation z of its solution; r is kept as K z - b, computed anew after each draw.
class SketchedSystem {
 public:
  /// K (n,n), b (n); z starts at zero. Throws ShapeError.
  SketchedSystem(const Tensor& k, const Tensor& b);
  void set(std::vector<double> z);
  void project_row(int64 i);
  void project_vector(const std::vector<double>& s);
  const std::vector<double>& z() const { return z_; }
  double residual_norm() const;

 private:
  void refresh();
  int64 n_;
  std::vector<double> k_, b_, z_, r_;
};

}  // namespace gradus
