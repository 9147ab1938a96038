// A tensor: numbers in a row, a shape, and strides that say where element (i, j, ...) lies.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

#include "lab.h"

using Shape = std::vector<size_t>;
using Index = std::vector<size_t>;

// ---- Part 1: shapes and strides

// Number of elements: the product of the sizes, 1 of an empty shape (a scalar).
inline size_t count(const Shape& shape) {
  // BEGIN SOLUTION 1.1
  size_t n = 1;
  for (const size_t size : shape) n *= size;
  return n;
  // END SOLUTION
}

// Strides of a tensor whose last axis runs fastest: (2, 3, 4) has (12, 4, 1).
inline std::vector<size_t> row_major(const Shape& shape) {
  // BEGIN SOLUTION 1.2
  std::vector<size_t> strides(shape.size());
  size_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
  // END SOLUTION
}

// A view: several tensors may share the same numbers.
struct Tensor {
  std::shared_ptr<std::vector<double>> data;
  Shape shape;
  std::vector<size_t> strides;
  size_t offset = 0;  // where element (0, 0, ...) lies

  Tensor(Shape s, std::vector<double> values)
      : data(std::make_shared<std::vector<double>>(std::move(values))),
        shape(std::move(s)),
        strides(row_major(shape)) {}

  // The element at an index, which has as many numbers as the tensor has axes.
  double& at(const Index& index) const {
    // BEGIN SOLUTION 1.3
    size_t place = offset;
    for (size_t i = 0; i < index.size(); ++i) place += index[i] * strides[i];
    return (*data)[place];
    // END SOLUTION
  }
};

// Moves to the next index in row-major order; false behind the last one (then all 0). Given: loops below may use
//   Index i(shape.size(), 0);  do { ... } while (next(i, shape));
inline bool next(Index& index, const Shape& shape) {
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (++index[axis] < shape[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

// The elements in row-major order (given; needs `at`).
inline std::vector<double> values(const Tensor& t) {
  std::vector<double> all;
  Index i(t.shape.size(), 0);
  do all.push_back(t.at(i));
  while (next(i, t.shape));
  return all;
}

// ---- Part 2: views, which copy nothing

// Axes a and b exchanged.
inline Tensor transpose(Tensor t, size_t a, size_t b) {
  // BEGIN SOLUTION 2.1
  std::swap(t.shape[a], t.shape[b]);
  std::swap(t.strides[a], t.strides[b]);
  return t;
  // END SOLUTION
}

// Elements begin, begin + step, ... below end of an axis; step >= 1, begin < end.
inline Tensor slice(Tensor t, size_t axis, size_t begin, size_t end, size_t step = 1) {
  // BEGIN SOLUTION 2.2
  t.offset += begin * t.strides[axis];
  t.shape[axis] = (end - begin + step - 1) / step;
  t.strides[axis] *= step;
  return t;
  // END SOLUTION
}

// Whether the elements lie in row-major order without gaps (axes of size 1 may have any stride).
inline bool contiguous(const Tensor& t) {
  // BEGIN SOLUTION 2.3
  const std::vector<size_t> wanted = row_major(t.shape);
  for (size_t i = 0; i < t.shape.size(); ++i)
    if (t.shape[i] != 1 && t.strides[i] != wanted[i]) return false;
  return true;
  // END SOLUTION
}

// The same elements, in row-major order, under another shape: a view where the tensor is contiguous, else a copy. Throws
// std::invalid_argument if the numbers of elements differ.
inline Tensor reshape(const Tensor& t, const Shape& shape) {
  // BEGIN SOLUTION 2.4
  if (count(shape) != count(t.shape)) throw std::invalid_argument("reshape: other number of elements");
  if (!contiguous(t)) return Tensor(shape, values(t));
  Tensor view = t;
  view.shape = shape;
  view.strides = row_major(shape);
  return view;
  // END SOLUTION
}

// ---- Part 3: broadcasting. Shapes are aligned at their last axes; a missing axis counts as 1; sizes must be equal or one of them 1,
// and the larger one is the result's.

// The shape of a combined with b. Throws std::invalid_argument where they do not fit: (2, 3) with (2).
inline Shape broadcast_shape(const Shape& a, const Shape& b) {
  // BEGIN SOLUTION 3.1
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) throw std::invalid_argument("shapes do not broadcast");
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
  // END SOLUTION
}

// A view of t with a larger shape, to which t broadcasts: repeated axes have stride 0.
inline Tensor expand(const Tensor& t, const Shape& shape) {
  // BEGIN SOLUTION 3.2
  Tensor view = t;
  view.shape = shape;
  view.strides.assign(shape.size(), 0);
  const size_t ahead = shape.size() - t.shape.size();
  for (size_t i = 0; i < t.shape.size(); ++i) view.strides[ahead + i] = t.shape[i] == 1 ? 0 : t.strides[i];
  return view;
  // END SOLUTION
}

// f of the elements of a and b, broadcast.
template <class F>
Tensor combine(const Tensor& a, const Tensor& b, const F& f) {
  // BEGIN SOLUTION 3.3
  const Shape shape = broadcast_shape(a.shape, b.shape);
  const std::vector<double> x = values(expand(a, shape)), y = values(expand(b, shape));
  std::vector<double> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = f(x[i], y[i]);
  return Tensor(shape, out);
  // END SOLUTION
}

// ---- Part 4: reductions

// Sum over an axis, which stays with size 1: (2, 3) over axis 0 gives (1, 3).
inline Tensor sum(const Tensor& t, size_t axis) {
  // BEGIN SOLUTION 4.1
  Shape shape = t.shape;
  shape[axis] = 1;
  Tensor out(shape, std::vector<double>(count(shape), 0));
  Index i(t.shape.size(), 0);
  do {
    Index to = i;
    to[axis] = 0;
    out.at(to) += t.at(i);
  } while (next(i, t.shape));
  return out;
  // END SOLUTION
}

// Mean and variance over an axis (the mean of squared deviations, as layer norm takes it), each with that axis of size 1.
struct Moments {
  Tensor mean, variance;
};
inline Moments moments(const Tensor& t, size_t axis) {
  // BEGIN SOLUTION 4.2
  const double n = double(t.shape[axis]);
  const auto over_n = [n](double x, double) { return x / n; };
  const Tensor mean = combine(sum(t, axis), sum(t, axis), over_n);
  const Tensor squares = combine(t, mean, [](double x, double m) { return (x - m) * (x - m); });
  return {mean, combine(sum(squares, axis), mean, over_n)};
  // END SOLUTION
}

// The opposite of broadcasting, which derivatives need: t summed over the axes that `shape` was repeated along, so that the result
// has that shape. t's shape is one that `shape` broadcasts to.
inline Tensor sum_to(Tensor t, const Shape& shape) {
  // BEGIN SOLUTION 4.3
  const size_t ahead = t.shape.size() - shape.size();
  for (size_t axis = 0; axis < t.shape.size(); ++axis)
    if (axis < ahead || shape[axis - ahead] == 1) t = sum(t, axis);
  return reshape(t, shape);
  // END SOLUTION
}

// Matrix product of (m, k) and (k, n), by any strides. Throws std::invalid_argument for other shapes.
inline Tensor matmul(const Tensor& a, const Tensor& b) {
  // BEGIN SOLUTION 4.4
  if (a.shape.size() != 2 || b.shape.size() != 2 || a.shape[1] != b.shape[0])
    throw std::invalid_argument("matmul: shapes do not fit");
  const size_t m = a.shape[0], k = a.shape[1], n = b.shape[1];
  Tensor out({m, n}, std::vector<double>(m * n, 0));
  for (size_t i = 0; i < m; ++i)
    for (size_t l = 0; l < k; ++l)
      for (size_t j = 0; j < n; ++j) out.at({i, j}) += a.at({i, l}) * b.at({l, j});
  return out;
  // END SOLUTION
}
