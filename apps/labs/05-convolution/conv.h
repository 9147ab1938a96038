// Convolution (as networks mean it: the kernel is not flipped) and pooling, by their definitions.
#pragma once

#include <vector>

#include "images.h"
#include "lab.h"

struct Window {
  size_t stride = 1, padding = 0;
};

// ---- Part 1: forward

// The number of places a kernel of size k has along an axis of size n, with padding at both ends; n + 2 padding >= k.
inline size_t places(size_t n, size_t k, const Window& o) {
  // BEGIN SOLUTION 1.1
  return (n + 2 * o.padding - k) / o.stride + 1;
  // END SOLUTION
}

// y(i, o, a, b) = sum over c, p, q of  kernel(o, c, p, q) x(i, c, a stride + p - padding, b stride + q - padding),  0 outside
inline Images conv2d(const Images& x, const Images& kernel, const Window& o) {
  // BEGIN SOLUTION 1.2
  Images y(x.n, kernel.n, places(x.h, kernel.h, o), places(x.w, kernel.w, o));
  for (size_t i = 0; i < y.n; ++i)
    for (size_t k = 0; k < y.c; ++k)
      for (size_t a = 0; a < y.h; ++a)
        for (size_t b = 0; b < y.w; ++b)
          for (size_t c = 0; c < x.c; ++c)
            for (size_t p = 0; p < kernel.h; ++p)
              for (size_t q = 0; q < kernel.w; ++q)
                y(i, k, a, b) += kernel(k, c, p, q) * x.padded(i, c, long(a * o.stride + p) - long(o.padding),
                                                               long(b * o.stride + q) - long(o.padding));
  return y;
  // END SOLUTION
}

// ---- Part 2: both gradients. g has y's shape.

// dL/dx, of x's size (h, w)
inline Images conv2d_input_gradient(const Images& g, const Images& kernel, size_t h, size_t w,
                                    const Window& o) {
  // BEGIN SOLUTION 2.1
  Images dx(g.n, kernel.c, h, w);
  for (size_t i = 0; i < g.n; ++i)
    for (size_t k = 0; k < g.c; ++k)
      for (size_t a = 0; a < g.h; ++a)
        for (size_t b = 0; b < g.w; ++b)
          for (size_t c = 0; c < kernel.c; ++c)
            for (size_t p = 0; p < kernel.h; ++p)
              for (size_t q = 0; q < kernel.w; ++q) {
                const long y = long(a * o.stride + p) - long(o.padding),
                           x = long(b * o.stride + q) - long(o.padding);
                if (y >= 0 && x >= 0 && y < long(h) && x < long(w))
                  dx(i, c, size_t(y), size_t(x)) += kernel(k, c, p, q) * g(i, k, a, b);
              }
  return dx;
  // END SOLUTION
}

// dL/dkernel, of the kernel's size (kh, kw)
inline Images conv2d_kernel_gradient(const Images& x, const Images& g, size_t kh, size_t kw,
                                     const Window& o) {
  // BEGIN SOLUTION 2.2
  Images dk(g.c, x.c, kh, kw);
  for (size_t i = 0; i < g.n; ++i)
    for (size_t k = 0; k < g.c; ++k)
      for (size_t a = 0; a < g.h; ++a)
        for (size_t b = 0; b < g.w; ++b)
          for (size_t c = 0; c < x.c; ++c)
            for (size_t p = 0; p < kh; ++p)
              for (size_t q = 0; q < kw; ++q)
                dk(k, c, p, q) += g(i, k, a, b) * x.padded(i, c, long(a * o.stride + p) - long(o.padding),
                                                           long(b * o.stride + q) - long(o.padding));
  return dk;
  // END SOLUTION
}

// ---- Part 3: pooling over windows of size k x k, a stride of k, no padding

// The largest of each window, and where in x.data it lies: the first one in reading order where several are equal.
struct Pooled {
  Images y;
  std::vector<size_t> from;
};
inline Pooled max_pool(const Images& x, size_t k) {
  // BEGIN SOLUTION 3.1
  const Window o{k, 0};
  Pooled out{Images(x.n, x.c, places(x.h, k, o), places(x.w, k, o)), {}};
  for (size_t i = 0; i < x.n; ++i)
    for (size_t c = 0; c < x.c; ++c)
      for (size_t a = 0; a < out.y.h; ++a)
        for (size_t b = 0; b < out.y.w; ++b) {
          size_t best = ((i * x.c + c) * x.h + a * k) * x.w + b * k;
          for (size_t p = 0; p < k; ++p)
            for (size_t q = 0; q < k; ++q) {
              const size_t at = ((i * x.c + c) * x.h + a * k + p) * x.w + b * k + q;
              if (x.data[at] > x.data[best]) best = at;
            }
          out.y(i, c, a, b) = x.data[best];
          out.from.push_back(best);
        }
  return out;
  // END SOLUTION
}

// dL/dx: each g goes to where its maximum came from.
inline Images max_pool_backward(const Images& x, const Pooled& pooled, const Images& g) {
  // BEGIN SOLUTION 3.2
  Images dx(x.n, x.c, x.h, x.w);
  for (size_t i = 0; i < g.data.size(); ++i) dx.data[pooled.from[i]] += g.data[i];
  return dx;
  // END SOLUTION
}

// dL/dx of pooling by the mean of each window: every pixel of a window gets an equal share; pixels outside of all windows get 0.
inline Images mean_pool_backward(const Images& x, const Images& g, size_t k) {
  // BEGIN SOLUTION 3.3
  Images dx(x.n, x.c, x.h, x.w);
  for (size_t i = 0; i < g.n; ++i)
    for (size_t c = 0; c < g.c; ++c)
      for (size_t a = 0; a < g.h * k; ++a)
        for (size_t b = 0; b < g.w * k; ++b) dx(i, c, a, b) = g(i, c, a / k, b / k) / double(k * k);
  return dx;
  // END SOLUTION
}
