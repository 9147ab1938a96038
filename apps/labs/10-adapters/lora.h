// LoRA. Hu et al., ICLR 2022, arXiv 2106.09685: a frozen weight W (out, in) beside a trained product of thin matrices,
//   y = x W' + s (x A') B',     A (r, in), B (out, r), s = alpha / r
#pragma once

#include <cmath>
#include <vector>

#include "lab.h"
#include "matrix.h"

struct Lora {
  Matrix a, b;
  double alpha = 1;
  size_t rank() const { return a.rows; }
};

// ---- Part 1

// s. With `stabilised` (Kalajdzievski, 2023, arXiv 2312.03732) alpha / sqrt(r), so that large ranks do not learn slower.
inline double scaling(const Lora& l, bool stabilised = false) {
  // BEGIN SOLUTION 1.1
  return l.alpha / (stabilised ? std::sqrt(double(l.rank())) : double(l.rank()));
  // END SOLUTION
}

// y, the thin products first: never form B A.
inline Matrix forward(const Matrix& x, const Matrix& w, const Lora& l) {
  // BEGIN SOLUTION 1.2
  return product(x, transposed(w)) + scaling(l) * product(product(x, transposed(l.a)), transposed(l.b));
  // END SOLUTION
}

struct LoraGrads {
  Matrix x, a, b;
};
// Given g = dL/dy. W has no gradient: it is frozen.
inline LoraGrads backward(const Matrix& x, const Matrix& w, const Lora& l, const Matrix& g) {
  // BEGIN SOLUTION 1.3
  const double s = scaling(l);
  const Matrix gb = product(g, l.b);  // (m, r)
  return {product(g, w) + s * product(gb, l.a), s * product(transposed(gb), x),
          s * product(transposed(g), product(x, transposed(l.a)))};
  // END SOLUTION
}

// W + s B A: the adapter leaves no trace at inference.
inline Matrix merge(const Matrix& w, const Lora& l) {
  // BEGIN SOLUTION 1.4
  return w + scaling(l) * product(l.b, l.a);
  // END SOLUTION
}

// Trained numbers of an adapter of rank r beside an (out, in) weight.
inline size_t trained(size_t out, size_t in, size_t r) {
  // BEGIN SOLUTION 1.5
  return r * (out + in);
  // END SOLUTION
}

// ---- Part 2: training

// One step of gradient descent on A and B for the mean over all elements of (forward(x) - y)^2. Returns the loss before it.
inline double train_step(const Matrix& x, const Matrix& y, const Matrix& w, Lora& l, double lr) {
  // BEGIN SOLUTION 2.1
  const Matrix error = forward(x, w, l) - y;
  double loss = 0;
  for (const double e : error.data) loss += e * e / double(error.data.size());
  const LoraGrads d = backward(x, w, l, (2 / double(error.data.size())) * error);
  l.a = l.a - lr * d.a;
  l.b = l.b - lr * d.b;
  return loss;
  // END SOLUTION
}

// LoRA+ (Hayou et al., 2024, arXiv 2402.12354): the same with `ratio` times the step size for B.
inline double train_step_plus(const Matrix& x, const Matrix& y, const Matrix& w, Lora& l, double lr,
                              double ratio) {
  // BEGIN SOLUTION 2.2
  Lora moved = l;
  const double loss = train_step(x, y, w, moved, lr);
  l.b = l.b + ratio * (moved.b - l.b);
  l.a = moved.a;
  return loss;
  // END SOLUTION
}
