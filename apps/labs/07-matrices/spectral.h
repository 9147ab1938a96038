// Rules that look at a layer as a matrix: its rows against its columns.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "lab.h"
#include "matrix.h"

// ---- Part 2: functions of a symmetric matrix

// A = V diag(values) V', the columns of V orthonormal, found by Jacobi's rotations (given).
struct Eigen {
  std::vector<double> values;
  Matrix vectors;
};
inline Eigen eigen(Matrix a) {
  const size_t n = a.rows;
  Matrix v(n, n);
  for (size_t i = 0; i < n; ++i) v(i, i) = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) off += a(p, q) * a(p, q);
    if (off < 1e-300) break;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        if (a(p, q) == 0) continue;
        const double theta = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const double t = (theta >= 0 ? 1 : -1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (size_t k = 0; k < n; ++k) {
          const double x = a(k, p), y = a(k, q);
          a(k, p) = c * x - s * y, a(k, q) = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = a(p, k), y = a(q, k);
          a(p, k) = c * x - s * y, a(q, k) = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = v(k, p), y = v(k, q);
          v(k, p) = c * x - s * y, v(k, q) = s * x + c * y;
        }
      }
  }
  Eigen e{std::vector<double>(n), v};
  for (size_t i = 0; i < n; ++i) e.values[i] = a(i, i);
  return e;
}

// V diag(f(values)) V'
inline Matrix spectral(const Eigen& e, const std::function<double(double)>& f) {
  // BEGIN SOLUTION 2.1
  Matrix scaled = e.vectors;
  for (size_t i = 0; i < scaled.rows; ++i)
    for (size_t j = 0; j < scaled.cols; ++j) scaled(i, j) *= f(e.values[j]);
  return product(scaled, transposed(e.vectors));
  // END SOLUTION
}

// (A / correction)^(-power). Eigenvalues below floor times the largest are raised to that; after the power 1e-8 is added below the
// fraction: 1 / (x^power + 1e-8). The identity where no eigenvalue is positive.
inline Matrix inverse_root(const Matrix& a, double power, double correction, double floor) {
  // BEGIN SOLUTION 2.2
  const Eigen e = eigen(a);
  double top = 0;
  for (const double x : e.values) top = std::fmax(top, x);
  if (!(top > 0)) {
    Matrix identity(a.rows, a.rows);
    for (size_t i = 0; i < a.rows; ++i) identity(i, i) = 1;
    return identity;
  }
  return spectral(
      e, [&](double x) { return 1 / (std::pow(std::fmax(x, floor * top) / correction, power) + 1e-8); });
  // END SOLUTION
}

// ---- Part 3: Shampoo. Gupta, Koren, Singer, ICML 2018, arXiv 1802.09568, in the form of Frans, Abbeel, Levine, 2025, arXiv 2510.25000.

struct ShampooOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.99, weight_decay = 0, eig_floor = 1e-5;
  long update_every = 10;
};
struct ShampooState {
  Matrix m, l, r;  // momentum; covariances of rows and of columns; empty before the first step: zeros
  Matrix pl, pr;   // their inverse fourth roots; empty before the first step: identities
  long t = 0;
};

// Makes the state of a gradient's size, before the first step.
inline void begin(ShampooState& s, const Matrix& g) {
  // BEGIN SOLUTION 3.1
  if (s.t > 0) return;
  s.m = Matrix(g.rows, g.cols);
  s.l = s.pl = Matrix(g.rows, g.rows);
  s.r = s.pr = Matrix(g.cols, g.cols);
  for (size_t i = 0; i < g.rows; ++i) s.pl(i, i) = 1;
  for (size_t i = 0; i < g.cols; ++i) s.pr(i, i) = 1;
  // END SOLUTION
}

// L = beta2 L + (1 - beta2) G G' / columns,   R = beta2 R + (1 - beta2) G' G / rows
inline void accumulate(ShampooState& s, const Matrix& g, double beta2) {
  // BEGIN SOLUTION 3.2
  s.l = beta2 * s.l + ((1 - beta2) / double(g.cols)) * product(g, transposed(g));
  s.r = beta2 * s.r + ((1 - beta2) / double(g.rows)) * product(transposed(g), g);
  // END SOLUTION
}

// The step, in this order:
//   M = beta1 M + (1 - beta1) G;   Mhat = M / (1 - beta1^t)
//   U = PL Mhat PR * mean(sqrt(diagonal of L))                  L as it was before this step
//   W <- W - lr (U + weight_decay W)
//   accumulate
//   at t = 1 and where t is a multiple of update_every: PL = inverse_root(L, 1/4, 1 - beta2^t, eig_floor), PR likewise of R
inline void shampoo(Matrix& w, const Matrix& g, ShampooState& s, const ShampooOptions& o) {
  // BEGIN SOLUTION 3.3
  begin(s, g);
  ++s.t;
  s.m = o.beta1 * s.m + (1 - o.beta1) * g;
  double spread = 0;
  for (size_t i = 0; i < s.l.rows; ++i) spread += std::sqrt(s.l(i, i)) / double(s.l.rows);
  const double scale = spread / (1 - std::pow(o.beta1, double(s.t)));
  const Matrix u = scale * product(product(s.pl, s.m), s.pr);
  w = w - o.lr * (u + o.weight_decay * w);
  accumulate(s, g, o.beta2);
  if (s.t != 1 && s.t % o.update_every != 0) return;
  const double correction = 1 - std::pow(o.beta2, double(s.t));
  s.pl = inverse_root(s.l, 0.25, correction, o.eig_floor);
  s.pr = inverse_root(s.r, 0.25, correction, o.eig_floor);
  // END SOLUTION
}

// ---- Part 4: Muon. Jordan et al., 2024; in the form of Frans, Abbeel, Levine, 2025.

// Root of the sum of squares of the elements, which is that of the singular values.
inline double frobenius(const Matrix& a) {
  // BEGIN SOLUTION 4.1
  double squares = 0;
  for (const double x : a.data) squares += x * x;
  return std::sqrt(squares);
  // END SOLUTION
}

// One iteration, on X no taller than wide: A = X X',  X <- a X + (b A + c A A) X. It takes each singular value s to a s + b s^3 + c s^5.
struct Coefficients {
  double a, b, c;
};
inline Matrix newton_schulz_step(const Matrix& x, const Coefficients& k) {
  // BEGIN SOLUTION 4.2
  const Matrix gram = product(x, transposed(x));
  return k.a * x + product(k.b * gram + k.c * product(gram, gram), x);
  // END SOLUTION
}

// All singular values brought near 1: X / (||X|| + 1e-8) (Frobenius), then a step for each of `steps`. A tall matrix is transposed
// before and after.
inline Matrix newton_schulz(const Matrix& x, const std::vector<Coefficients>& steps) {
  // BEGIN SOLUTION 4.3
  const bool tall = x.rows > x.cols;
  Matrix y = (1 / (frobenius(x) + 1e-8)) * (tall ? transposed(x) : x);
  for (const Coefficients& k : steps) y = newton_schulz_step(y, k);
  return tall ? transposed(y) : y;
  // END SOLUTION
}

// Five steps tuned one by one (given).
inline std::vector<Coefficients> tuned_steps() {
  return {{4.0848, -6.8946, 2.9270},
          {3.9505, -6.3029, 2.6377},
          {3.7418, -5.5913, 2.3037},
          {2.8769, -3.1427, 1.2046},
          {2.8366, -3.0525, 1.2012}};
}

struct MuonOptions {
  double lr = 0.02, beta1 = 0.9, weight_decay = 0;
};
//   M = beta1 M + (1 - beta1) G;   Mhat = M / (1 - beta1^t)
//   U = sqrt(max(1, rows / columns)) newton_schulz(Mhat, tuned_steps())
//   W <- W - lr (U + weight_decay W)
inline void muon(Matrix& w, const Matrix& g, Matrix& m, long t, const MuonOptions& o) {
  // BEGIN SOLUTION 4.4
  m = (m.empty() ? Matrix(g.rows, g.cols) : o.beta1 * m) + (1 - o.beta1) * g;
  const Matrix mhat = (1 / (1 - std::pow(o.beta1, double(t)))) * m;
  const Matrix u =
      std::sqrt(std::fmax(1, double(g.rows) / double(g.cols))) * newton_schulz(mhat, tuned_steps());
  w = w - o.lr * (u + o.weight_decay * w);
  // END SOLUTION
}
