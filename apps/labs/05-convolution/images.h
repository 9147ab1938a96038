// Stacks of images: (n, c, h, w), row-major.
#pragma once

#include <stdexcept>
#include <vector>

struct Images {
  size_t n = 0, c = 0, h = 0, w = 0;
  std::vector<double> data;

  Images() = default;
  Images(size_t n_, size_t c_, size_t h_, size_t w_)
      : n(n_), c(c_), h(h_), w(w_), data(n_ * c_ * h_ * w_, 0) {}
  Images(size_t n_, size_t c_, size_t h_, size_t w_, std::vector<double> values)
      : n(n_), c(c_), h(h_), w(w_), data(std::move(values)) {
    if (data.size() != n * c * h * w) throw std::invalid_argument("images of other size");
  }
  double& operator()(size_t i, size_t j, size_t y, size_t x) { return data[((i * c + j) * h + y) * w + x]; }
  double operator()(size_t i, size_t j, size_t y, size_t x) const {
    return data[((i * c + j) * h + y) * w + x];
  }
  // The pixel at (y, x), which may lie outside: 0 there.
  double padded(size_t i, size_t j, long y, long x) const {
    return y < 0 || x < 0 || y >= long(h) || x >= long(w) ? 0 : (*this)(i, j, size_t(y), size_t(x));
  }
};
