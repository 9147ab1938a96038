// Checking derivatives, and using them.
#pragma once

#include "autodiff.h"

// A function of matrices with a 1 x 1 result, on a tape.
using Function = std::function<Var(const std::vector<Var>&)>;

inline double value_at(const Function& f, const std::vector<Matrix>& x) {
  Tape tape;
  std::vector<Var> in;
  for (const Matrix& m : x) in.push_back(tape.leaf(m));
  return f(in).value()(0, 0);
}

// ---- Part 5

// Central differences: (f(x + h e) - f(x - h e)) / (2h) for every element e of every matrix.
inline std::vector<Matrix> differences(const Function& f, std::vector<Matrix> x, double h = 1e-5) {
  // BEGIN SOLUTION 5.1
  std::vector<Matrix> result;
  for (Matrix& m : x) {
    Matrix slopes(m.rows, m.cols);
    for (size_t i = 0; i < m.data.size(); ++i) {
      const double at = m.data[i];
      m.data[i] = at + h;
      const double up = value_at(f, x);
      m.data[i] = at - h;
      slopes.data[i] = (up - value_at(f, x)) / (2 * h);
      m.data[i] = at;
    }
    result.push_back(slopes);
  }
  return result;
  // END SOLUTION
}

// The largest |a - b| / max(1, |b|) over all elements; infinity where one is NaN.
inline double largest_error(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
  // BEGIN SOLUTION 5.2
  double worst = 0;
  for (size_t k = 0; k < a.size(); ++k)
    for (size_t i = 0; i < a[k].data.size(); ++i) {
      const double error = std::fabs(a[k].data[i] - b[k].data[i]) / std::fmax(1, std::fabs(b[k].data[i]));
      if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
    }
  return worst;
  // END SOLUTION
}

// One step of gradient descent of a classifier with one hidden layer on a batch x (m, k):
//   logits = relu(x W1 + b1) W2 + b2,   loss = cross_entropy(logits, labels)
// `parameters` are W1, b1, W2, b2 and move by -lr times their gradients. Returns the loss before the step.
inline double train_step(std::vector<Matrix>& parameters, const Matrix& x, const std::vector<size_t>& labels,
                         double lr) {
  // BEGIN SOLUTION 5.3
  Tape tape;
  std::vector<Var> p;
  for (const Matrix& m : parameters) p.push_back(tape.leaf(m));
  const Var hidden = relu(add_row(matmul(tape.leaf(x), p[0]), p[1]));
  const Var loss = cross_entropy(add_row(matmul(hidden, p[2]), p[3]), labels);
  const std::vector<Matrix> g = grad(loss, p);
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i] = parameters[i] - lr * g[i];
  return loss.value()(0, 0);
  // END SOLUTION
}
