// Convolution as one matrix product, and a product that keeps what it reads close.
#pragma once

#include <algorithm>

#include "conv.h"
#include "matrix.h"

// ---- Part 4

// The columns of image i: row (c kh + p) kw + q, column a * out_w + b has x(i, c, a stride + p - padding, b stride + q - padding), so that
// the kernel as a matrix (out channels, c kh kw) times this is the output as (out channels, out_h out_w).
inline Matrix im2col(const Images& x, size_t i, size_t kh, size_t kw, const Window& o) {
  // BEGIN SOLUTION 4.1
  const size_t oh = places(x.h, kh, o), ow = places(x.w, kw, o);
  Matrix columns(x.c * kh * kw, oh * ow);
  for (size_t c = 0; c < x.c; ++c)
    for (size_t p = 0; p < kh; ++p)
      for (size_t q = 0; q < kw; ++q)
        for (size_t a = 0; a < oh; ++a)
          for (size_t b = 0; b < ow; ++b)
            columns((c * kh + p) * kw + q, a * ow + b) = x.padded(
                i, c, long(a * o.stride + p) - long(o.padding), long(b * o.stride + q) - long(o.padding));
  return columns;
  // END SOLUTION
}

// a b, by blocks of `block` rows, columns and inner indices: each block of c is finished by blocks of a and b that fit into the cache.
// The sizes need not be multiples of it. The result is the product's, up to rounding.
inline Matrix blocked_product(const Matrix& a, const Matrix& b, size_t block) {
  // BEGIN SOLUTION 4.2
  Matrix c(a.rows, b.cols);
  for (size_t i0 = 0; i0 < a.rows; i0 += block)
    for (size_t k0 = 0; k0 < a.cols; k0 += block)
      for (size_t j0 = 0; j0 < b.cols; j0 += block)
        for (size_t i = i0; i < std::min(i0 + block, a.rows); ++i)
          for (size_t k = k0; k < std::min(k0 + block, a.cols); ++k) {
            const double f = a.data[i * a.cols + k];
            for (size_t j = j0; j < std::min(j0 + block, b.cols); ++j)
              c.data[i * b.cols + j] += f * b.data[k * b.cols + j];
          }
  return c;
  // END SOLUTION
}

// conv2d by im2col and a product for each image.
inline Images fast_conv2d(const Images& x, const Images& kernel, const Window& o) {
  // BEGIN SOLUTION 4.3
  Images y(x.n, kernel.n, places(x.h, kernel.h, o), places(x.w, kernel.w, o));
  const Matrix k(kernel.n, kernel.c * kernel.h * kernel.w, kernel.data);
  for (size_t i = 0; i < x.n; ++i) {
    const Matrix out = blocked_product(k, im2col(x, i, kernel.h, kernel.w, o), 64);
    std::copy(out.data.begin(), out.data.end(), y.data.begin() + long(i * out.data.size()));
  }
  return y;
  // END SOLUTION
}

// ---- Part 5: the roofline. Williams, Waterman, Patterson, "Roofline", CACM 2009.

// Floating-point operations of conv2d (a multiplication and an addition are two).
inline double conv_operations(const Images& x, const Images& kernel, const Window& o) {
  // BEGIN SOLUTION 5.1
  return 2.0 * double(x.n) * double(kernel.data.size()) * double(places(x.h, kernel.h, o)) *
         double(places(x.w, kernel.w, o));
  // END SOLUTION
}

// Operations for each byte that must at least be moved: x, kernel and y once each, numbers of `bytes` bytes.
inline double conv_intensity(const Images& x, const Images& kernel, const Window& o, double bytes) {
  // BEGIN SOLUTION 5.2
  const double out = double(x.n * kernel.n * places(x.h, kernel.h, o) * places(x.w, kernel.w, o));
  return conv_operations(x, kernel, o) / (bytes * (double(x.data.size() + kernel.data.size()) + out));
  // END SOLUTION
}

// What a machine of `peak` operations and `bandwidth` bytes a second can reach at this intensity, in operations a second.
inline double roofline(double intensity, double peak, double bandwidth) {
  // BEGIN SOLUTION 5.3
  return std::min(peak, intensity * bandwidth);
  // END SOLUTION
}
