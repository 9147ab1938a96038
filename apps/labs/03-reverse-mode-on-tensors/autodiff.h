// Reverse mode on matrices. An operation notes its result and a function that takes the derivative of the output in the result (the
// cotangent, of the result's shape) to those in its operands: the vector-Jacobian product, vjp.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "lab.h"
#include "matrix.h"

class Tape;

// A matrix on a tape.
struct Var {
  Tape* tape;
  size_t at;
  const Matrix& value() const;
  size_t rows() const { return value().rows; }
  size_t cols() const { return value().cols; }
};

// Cotangents of the operands, in their order.
using Vjp = std::function<std::vector<Matrix>(const Matrix& g)>;

class Tape {
 public:
  struct Node {
    Matrix value;
    std::vector<size_t> operands = {};
    Vjp vjp = nullptr;
  };
  Var leaf(Matrix value) { return note(std::move(value), {}, nullptr); }
  Var note(Matrix value, std::vector<Var> operands, Vjp vjp) {
    Node node{std::move(value), {}, std::move(vjp)};
    for (const Var& v : operands) node.operands.push_back(v.at);
    nodes_.push_back(std::move(node));
    return {this, nodes_.size() - 1};
  }
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  std::vector<Node> nodes_;
};
inline const Matrix& Var::value() const { return tape->nodes()[at].value; }

// A model: c a. (The tape may grow and move its nodes, so a vjp keeps copies of what it needs, not references.)
inline Var scale(const Var& a, double c) {
  return a.tape->note(c * a.value(), {a}, [c](const Matrix& g) { return std::vector<Matrix>{c * g}; });
}

// ---- Part 1: the walk

// The derivatives of `output`, a 1 x 1 matrix, in each of `in`, of their shapes; zeros for what it does not depend on.
inline std::vector<Matrix> grad(const Var& output, const std::vector<Var>& in) {
  // BEGIN SOLUTION 1.1
  const auto& nodes = output.tape->nodes();
  std::vector<Matrix> cotangent(output.at + 1);  // empty: none has come
  cotangent[output.at] = Matrix(1, 1, {1});
  for (size_t i = output.at + 1; i-- > 0;) {
    if (cotangent[i].empty() || !nodes[i].vjp) continue;
    const std::vector<Matrix> back = nodes[i].vjp(cotangent[i]);
    for (size_t k = 0; k < back.size(); ++k) {
      Matrix& to = cotangent[nodes[i].operands[k]];
      to = to.empty() ? back[k] : to + back[k];
    }
  }
  std::vector<Matrix> result;
  for (const Var& v : in)
    result.push_back(v.at > output.at || cotangent[v.at].empty() ? Matrix(v.rows(), v.cols())
                                                                 : cotangent[v.at]);
  return result;
  // END SOLUTION
}

// ---- Part 2: element by element. a and b have the same shape.

inline Var operator+(const Var& a, const Var& b) {
  // BEGIN SOLUTION 2.1
  return a.tape->note(a.value() + b.value(), {a, b}, [](const Matrix& g) {
    return std::vector<Matrix>{g, g};
  });
  // END SOLUTION
}

// a * b, element by element
inline Var operator*(const Var& a, const Var& b) {
  // BEGIN SOLUTION 2.2
  const Matrix x = a.value(), y = b.value();
  return a.tape->note(times(x, y), {a, b}, [x, y](const Matrix& g) {
    return std::vector<Matrix>{times(g, y), times(g, x)};
  });
  // END SOLUTION
}

inline Var exp(const Var& a) {
  // BEGIN SOLUTION 2.3
  const Matrix y = map(a.value(), [](double x) { return std::exp(x); });
  return a.tape->note(y, {a}, [y](const Matrix& g) { return std::vector<Matrix>{times(g, y)}; });
  // END SOLUTION
}

// max(a, 0); slope 0 at 0
inline Var relu(const Var& a) {
  // BEGIN SOLUTION 2.4
  const Matrix x = a.value();
  return a.tape->note(map(x, [](double v) { return v > 0 ? v : 0; }), {a}, [x](const Matrix& g) {
    return std::vector<Matrix>{times(g, map(x, [](double v) { return v > 0 ? 1.0 : 0.0; }))};
  });
  // END SOLUTION
}

// ---- Part 3: shapes

// Sum of all elements, 1 x 1
inline Var sum(const Var& a) {
  // BEGIN SOLUTION 3.1
  const size_t m = a.rows(), n = a.cols();
  double total = 0;
  for (const double x : a.value().data) total += x;
  return a.tape->note(Matrix(1, 1, {total}), {a}, [m, n](const Matrix& g) {
    return std::vector<Matrix>{map(Matrix(m, n), [&](double) { return g(0, 0); })};
  });
  // END SOLUTION
}

// A row b (1, n) added to every row of a (m, n)
inline Var add_row(const Var& a, const Var& b) {
  // BEGIN SOLUTION 3.2
  Matrix y = a.value();
  for (size_t i = 0; i < y.rows; ++i)
    for (size_t j = 0; j < y.cols; ++j) y(i, j) += b.value()(0, j);
  return a.tape->note(y, {a, b}, [](const Matrix& g) {
    Matrix row(1, g.cols);
    for (size_t i = 0; i < g.rows; ++i)
      for (size_t j = 0; j < g.cols; ++j) row(0, j) += g(i, j);
    return std::vector<Matrix>{g, row};
  });
  // END SOLUTION
}

inline Var transpose(const Var& a) {
  // BEGIN SOLUTION 3.3
  return a.tape->note(transposed(a.value()), {a},
                      [](const Matrix& g) { return std::vector<Matrix>{transposed(g)}; });
  // END SOLUTION
}

// The rows of a with these numbers, which may repeat: an embedding
inline Var take_rows(const Var& a, const std::vector<size_t>& rows) {
  // BEGIN SOLUTION 3.4
  const size_t m = a.rows(), n = a.cols();
  Matrix y(rows.size(), n);
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = 0; j < n; ++j) y(i, j) = a.value()(rows[i], j);
  return a.tape->note(y, {a}, [rows, m, n](const Matrix& g) {
    Matrix back(m, n);
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t j = 0; j < n; ++j) back(rows[i], j) += g(i, j);
    return std::vector<Matrix>{back};
  });
  // END SOLUTION
}

// ---- Part 4: products and the rule of every classifier

// a (m, k) times b (k, n)
inline Var matmul(const Var& a, const Var& b) {
  // BEGIN SOLUTION 4.1
  const Matrix x = a.value(), y = b.value();
  return a.tape->note(product(x, y), {a, b}, [x, y](const Matrix& g) {
    return std::vector<Matrix>{product(g, transposed(y)), product(transposed(x), g)};
  });
  // END SOLUTION
}

// log of the softmax of each row, z - log(sum exp z), by the largest element of the row first
inline Var log_softmax(const Var& a) {
  // BEGIN SOLUTION 4.2
  Matrix y = a.value();
  for (size_t i = 0; i < y.rows; ++i) {
    double top = y(i, 0), total = 0;
    for (size_t j = 0; j < y.cols; ++j) top = std::fmax(top, y(i, j));
    for (size_t j = 0; j < y.cols; ++j) total += std::exp(y(i, j) - top);
    for (size_t j = 0; j < y.cols; ++j) y(i, j) -= top + std::log(total);
  }
  return a.tape->note(y, {a}, [y](const Matrix& g) {
    Matrix back = g;
    for (size_t i = 0; i < y.rows; ++i) {
      double total = 0;
      for (size_t j = 0; j < y.cols; ++j) total += g(i, j);
      for (size_t j = 0; j < y.cols; ++j) back(i, j) -= std::exp(y(i, j)) * total;
    }
    return std::vector<Matrix>{back};
  });
  // END SOLUTION
}

// Mean over the rows of -(log of the softmax) at each row's label, 1 x 1; from log_softmax, an element-wise product and sum.
inline Var cross_entropy(const Var& logits, const std::vector<size_t>& labels) {
  // BEGIN SOLUTION 4.3
  Matrix chosen(logits.rows(), logits.cols());
  for (size_t i = 0; i < labels.size(); ++i) chosen(i, labels[i]) = -1 / double(labels.size());
  return sum(log_softmax(logits) * logits.tape->leaf(chosen));
  // END SOLUTION
}
