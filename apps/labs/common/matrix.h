// Matrices, row-major, with what rules are made of.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

struct Matrix {
  size_t rows = 0, cols = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(size_t m, size_t n) : rows(m), cols(n), data(m * n, 0) {}
  Matrix(size_t m, size_t n, std::vector<double> values) : rows(m), cols(n), data(std::move(values)) {
    if (data.size() != m * n) throw std::invalid_argument("a matrix of other size");
  }
  bool empty() const { return data.empty(); }
  double& operator()(size_t i, size_t j) { return data.at(i * cols + j); }
  double operator()(size_t i, size_t j) const { return data.at(i * cols + j); }
};

inline void same_shape(const Matrix& a, const Matrix& b) {
  if (a.rows != b.rows || a.cols != b.cols)
    throw std::invalid_argument("(" + std::to_string(a.rows) + ", " + std::to_string(a.cols) + ") with (" +
                                std::to_string(b.rows) + ", " + std::to_string(b.cols) + ")");
}
template <class F>
Matrix map(Matrix a, const F& f) {
  for (double& x : a.data) x = f(x);
  return a;
}
inline Matrix operator*(double c, const Matrix& a) {
  return map(a, [c](double x) { return c * x; });
}
inline Matrix operator+(Matrix a, const Matrix& b) {
  same_shape(a, b);
  for (size_t i = 0; i < a.data.size(); ++i) a.data[i] += b.data[i];
  return a;
}
inline Matrix operator-(const Matrix& a, const Matrix& b) { return a + (-1.0) * b; }
// element by element
inline Matrix times(Matrix a, const Matrix& b) {
  same_shape(a, b);
  for (size_t i = 0; i < a.data.size(); ++i) a.data[i] *= b.data[i];
  return a;
}
inline Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (size_t i = 0; i < a.rows; ++i)
    for (size_t j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  return t;
}
inline Matrix product(const Matrix& a, const Matrix& b) {
  if (a.cols != b.rows) throw std::invalid_argument("product: shapes do not fit");
  Matrix c(a.rows, b.cols);
  for (size_t i = 0; i < a.rows; ++i)
    for (size_t k = 0; k < a.cols; ++k)
      for (size_t j = 0; j < b.cols; ++j)
        c.data[i * b.cols + j] += a.data[i * a.cols + k] * b.data[k * b.cols + j];
  return c;
}
