// The Hessian without the Hessian: products with it, its trace, its largest eigenvalue, steps that use it.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "dual.h"

using Vector = std::vector<double>;
inline double dot(const Vector& a, const Vector& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}
inline Vector add(Vector a, double c, const Vector& b) {  // a + c b
  for (size_t i = 0; i < a.size(); ++i) a[i] += c * b[i];
  return a;
}
// A symmetric matrix as what it does to a vector.
using Product = std::function<Vector(const Vector&)>;

// ---- Part 3

// H v, given a generic function for the gradient, gradient(std::vector<T>) -> std::vector<T>: forward mode through it (Pearlmutter, 1994).
template <class G>
Vector hvp(const G& gradient, const Vector& x, const Vector& v) {
  // BEGIN SOLUTION 3.1
  std::vector<Dual<double>> in;
  for (size_t i = 0; i < x.size(); ++i) in.emplace_back(x[i], v[i]);
  Vector out;
  for (const Dual<double>& g : gradient(in)) out.push_back(g.slope);
  return out;
  // END SOLUTION
}

// Hutchinson's estimate of the trace: the mean of z' H z over the probes z.
inline double hutchinson_trace(const Product& h, const std::vector<Vector>& probes) {
  // BEGIN SOLUTION 3.2
  double sum = 0;
  for (const Vector& z : probes) sum += dot(z, h(z));
  return sum / double(probes.size());
  // END SOLUTION
}

// Of the diagonal: the mean of z * (H z), element by element (Bekas, Kokiopoulou, Saad, 2007; probes of +1 and -1).
inline Vector hutchinson_diagonal(const Product& h, const std::vector<Vector>& probes) {
  // BEGIN SOLUTION 3.3
  Vector sum(probes[0].size(), 0);
  for (const Vector& z : probes) {
    const Vector hz = h(z);
    for (size_t i = 0; i < z.size(); ++i) sum[i] += z[i] * hz[i] / double(probes.size());
  }
  return sum;
  // END SOLUTION
}

// ---- Part 4

// `steps` steps of the power method from v: v <- H v / ||H v||. Returns v' H v of the last v, of norm 1.
inline double power_method(const Product& h, Vector v, int steps) {
  // BEGIN SOLUTION 4.1
  for (int t = 0; t < steps; ++t) {
    const Vector hv = h(v);
    const double norm = std::sqrt(dot(hv, hv));
    for (size_t i = 0; i < v.size(); ++i) v[i] = hv[i] / norm;
  }
  return dot(v, h(v));
  // END SOLUTION
}

// Lanczos' method: after k steps T = Q' H Q is tridiagonal. From q_1 = v / ||v||:
//   w = H q_j - beta_(j-1) q_(j-1);   alpha_j = q_j' w;   w -= alpha_j q_j;   w made orthogonal to all q again (rounding)
//   beta_j = ||w||,  q_(j+1) = w / beta_j;    ends after k steps, or where beta_j < 1e-10
struct Tridiagonal {
  Vector alpha, beta;  // the diagonal; beside it, one shorter
};
inline Tridiagonal lanczos(const Product& h, const Vector& v, size_t k) {
  // BEGIN SOLUTION 4.2
  Tridiagonal t;
  std::vector<Vector> q = {add(Vector(v.size(), 0), 1 / std::sqrt(dot(v, v)), v)};
  while (true) {
    Vector w = h(q.back());
    if (q.size() > 1) w = add(w, -t.beta.back(), q[q.size() - 2]);
    t.alpha.push_back(dot(q.back(), w));
    w = add(w, -t.alpha.back(), q.back());
    for (const Vector& p : q) w = add(w, -dot(p, w), p);
    const double beta = std::sqrt(dot(w, w));
    if (q.size() == k || beta < 1e-10) return t;
    t.beta.push_back(beta);
    q.push_back(add(Vector(v.size(), 0), 1 / beta, w));
  }
  // END SOLUTION
}

// How many eigenvalues of T are below x: the number of negative d_j (Sturm), where
//   d_1 = alpha_1 - x,   d_j = alpha_j - x - beta_(j-1)^2 / d_(j-1);   a d of 0 counts as 1e-300
inline int eigenvalues_below(const Tridiagonal& t, double x) {
  // BEGIN SOLUTION 4.3
  int count = 0;
  double d = 1;
  for (size_t j = 0; j < t.alpha.size(); ++j) {
    d = t.alpha[j] - x - (j ? t.beta[j - 1] * t.beta[j - 1] / d : 0);
    if (d == 0) d = 1e-300;
    count += d < 0;
  }
  return count;
  // END SOLUTION
}

// The largest eigenvalue of T, by bisection between -bound and bound, to 1e-12 * bound.
inline double largest_eigenvalue(const Tridiagonal& t, double bound) {
  // BEGIN SOLUTION 4.4
  double low = -bound, high = bound;
  while (high - low > 1e-12 * bound) {
    const double middle = (low + high) / 2;
    (eigenvalues_below(t, middle) == int(t.alpha.size()) ? high : low) = middle;
  }
  return (low + high) / 2;
  // END SOLUTION
}

// ---- Part 5

// Conjugate gradients: s with (H + damping I) s = b, from 0, `steps` steps or until ||residual|| < 1e-12.
inline Vector conjugate_gradients(const Product& h, const Vector& b, double damping, int steps) {
  // BEGIN SOLUTION 5.1
  Vector s(b.size(), 0), r = b, p = b;
  for (int t = 0; t < steps && std::sqrt(dot(r, r)) >= 1e-12; ++t) {
    const Vector hp = add(h(p), damping, p);
    const double before = dot(r, r), a = before / dot(p, hp);
    s = add(s, a, p);
    r = add(r, -a, hp);
    p = add(r, dot(r, r) / before, p);
  }
  return s;
  // END SOLUTION
}

// Sharpness-aware minimisation. Foret et al., ICLR 2021, arXiv 2010.01412: the gradient at w + rho g / ||g||; at w itself where g is 0.
inline Vector sam_gradient(const std::function<Vector(const Vector&)>& gradient, const Vector& w,
                           double rho) {
  // BEGIN SOLUTION 5.2
  const Vector g = gradient(w);
  const double norm = std::sqrt(dot(g, g));
  return norm > 0 ? gradient(add(w, rho / norm, g)) : g;
  // END SOLUTION
}

// `steps` steps w <- w - lr * (SAM's gradient).
inline Vector sam_descend(const std::function<Vector(const Vector&)>& gradient, Vector w, double lr,
                          double rho, int steps) {
  // BEGIN SOLUTION 5.3
  for (int t = 0; t < steps; ++t) w = add(w, -lr, sam_gradient(gradient, w, rho));
  return w;
  // END SOLUTION
}
