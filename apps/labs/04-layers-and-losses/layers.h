// Layers with their derivatives written out: a forward function, and a backward one that takes the derivative of the loss in the output
// (g, of its shape) to those in the inputs. Rows are examples.
#pragma once

#include <cmath>
#include <vector>

#include "lab.h"
#include "matrix.h"

// ---- Part 1: linear, in the layout of PyTorch: weight is (out, in)

// y = x W' + b;  x (m, in), W (out, in), b (1, out)
inline Matrix linear(const Matrix& x, const Matrix& w, const Matrix& b) {
  // BEGIN SOLUTION 1.1
  Matrix y = product(x, transposed(w));
  for (size_t i = 0; i < y.rows; ++i)
    for (size_t j = 0; j < y.cols; ++j) y(i, j) += b(0, j);
  return y;
  // END SOLUTION
}

struct LinearGrads {
  Matrix x, w, b;
};
inline LinearGrads linear_backward(const Matrix& x, const Matrix& w, const Matrix& g) {
  // BEGIN SOLUTION 1.2
  Matrix b(1, g.cols);
  for (size_t i = 0; i < g.rows; ++i)
    for (size_t j = 0; j < g.cols; ++j) b(0, j) += g(i, j);
  return {product(g, w), product(transposed(g), x), b};
  // END SOLUTION
}

// ---- Part 2: softmax and cross-entropy

// Of each row, without overflow.
inline Matrix softmax(const Matrix& z) {
  // BEGIN SOLUTION 2.1
  Matrix p = z;
  for (size_t i = 0; i < z.rows; ++i) {
    double top = z(i, 0), total = 0;
    for (size_t j = 0; j < z.cols; ++j) top = std::fmax(top, z(i, j));
    for (size_t j = 0; j < z.cols; ++j) total += p(i, j) = std::exp(z(i, j) - top);
    for (size_t j = 0; j < z.cols; ++j) p(i, j) /= total;
  }
  return p;
  // END SOLUTION
}

// Targets with label smoothing s over C classes: 1 - s + s/C at the label, s/C elsewhere.
inline Matrix smoothed(const std::vector<size_t>& labels, size_t classes, double s) {
  // BEGIN SOLUTION 2.2
  Matrix t(labels.size(), classes);
  for (size_t i = 0; i < t.rows; ++i)
    for (size_t j = 0; j < classes; ++j) t(i, j) = s / double(classes) + (labels[i] == j ? 1 - s : 0);
  return t;
  // END SOLUTION
}

// Mean over the rows of -sum over c of t_c log p_c, p = softmax(z); finite for all finite z, also where p underflows to 0.
inline double cross_entropy(const Matrix& z, const Matrix& t) {
  // BEGIN SOLUTION 2.3
  double loss = 0;
  for (size_t i = 0; i < z.rows; ++i) {
    double top = z(i, 0), total = 0;
    for (size_t j = 0; j < z.cols; ++j) top = std::fmax(top, z(i, j));
    for (size_t j = 0; j < z.cols; ++j) total += std::exp(z(i, j) - top);
    for (size_t j = 0; j < z.cols; ++j) loss -= t(i, j) * (z(i, j) - top - std::log(total));
  }
  return loss / double(z.rows);
  // END SOLUTION
}

// Its gradient in z. Each row of t adds up to 1.
inline Matrix cross_entropy_backward(const Matrix& z, const Matrix& t) {
  // BEGIN SOLUTION 2.4
  return (1 / double(z.rows)) * (softmax(z) - t);
  // END SOLUTION
}

// ---- Part 3: layer norm over each row of n numbers
//   xhat = (x - mean) / sqrt(variance + eps),   y = gamma * xhat + beta          variance with n below, gamma and beta (1, n)

struct LayerNorm {
  Matrix y;
  Matrix xhat;                // kept for the backward pass
  std::vector<double> scale;  // 1 / sqrt(variance + eps) of each row
};
inline LayerNorm layer_norm(const Matrix& x, const Matrix& gamma, const Matrix& beta, double eps) {
  // BEGIN SOLUTION 3.1
  LayerNorm out{x, x, {}};
  const double n = double(x.cols);
  for (size_t i = 0; i < x.rows; ++i) {
    double mean = 0, variance = 0;
    for (size_t j = 0; j < x.cols; ++j) mean += x(i, j) / n;
    for (size_t j = 0; j < x.cols; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean) / n;
    out.scale.push_back(1 / std::sqrt(variance + eps));
    for (size_t j = 0; j < x.cols; ++j) {
      out.xhat(i, j) = (x(i, j) - mean) * out.scale[i];
      out.y(i, j) = gamma(0, j) * out.xhat(i, j) + beta(0, j);
    }
  }
  return out;
  // END SOLUTION
}

// dL/dgamma and dL/dbeta, each (1, n)
struct AffineGrads {
  Matrix gamma, beta;
};
inline AffineGrads layer_norm_affine_backward(const LayerNorm& f, const Matrix& g) {
  // BEGIN SOLUTION 3.2
  AffineGrads out{Matrix(1, g.cols), Matrix(1, g.cols)};
  for (size_t i = 0; i < g.rows; ++i)
    for (size_t j = 0; j < g.cols; ++j) {
      out.gamma(0, j) += g(i, j) * f.xhat(i, j);
      out.beta(0, j) += g(i, j);
    }
  return out;
  // END SOLUTION
}

// dL/dx. With h = g * gamma, row by row:  dx = scale (h - mean(h) - xhat mean(h * xhat))
inline Matrix layer_norm_backward(const LayerNorm& f, const Matrix& gamma, const Matrix& g) {
  // BEGIN SOLUTION 3.3
  Matrix dx = g;
  const double n = double(g.cols);
  for (size_t i = 0; i < g.rows; ++i) {
    double mean = 0, along = 0;
    for (size_t j = 0; j < g.cols; ++j) {
      mean += g(i, j) * gamma(0, j) / n;
      along += g(i, j) * gamma(0, j) * f.xhat(i, j) / n;
    }
    for (size_t j = 0; j < g.cols; ++j)
      dx(i, j) = f.scale[i] * (g(i, j) * gamma(0, j) - mean - f.xhat(i, j) * along);
  }
  return dx;
  // END SOLUTION
}

// ---- Part 4: activations and noise

// x Phi(x), Phi the distribution function of the standard normal: Phi(x) = erfc(-x / sqrt(2)) / 2
inline Matrix gelu(const Matrix& x) {
  // BEGIN SOLUTION 4.1
  return map(x, [](double v) { return v * 0.5 * std::erfc(-v / std::sqrt(2.0)); });
  // END SOLUTION
}

// Its backward function: the density of the normal is exp(-x^2/2) / sqrt(2 pi).
inline Matrix gelu_backward(const Matrix& x, const Matrix& g) {
  // BEGIN SOLUTION 4.2
  return times(g, map(x, [](double v) {
                 return 0.5 * std::erfc(-v / std::sqrt(2.0)) +
                        v * std::exp(-v * v / 2) / std::sqrt(2 * 3.14159265358979323846);
               }));
  // END SOLUTION
}

// Dropout with probability p: what `uniform` (numbers in [0, 1), of x's shape) has below p becomes 0, the rest is divided by 1 - p, so
// that the mean stays. Without training it changes nothing.
inline Matrix dropout(const Matrix& x, const Matrix& uniform, double p, bool training) {
  // BEGIN SOLUTION 4.3
  if (!training) return x;
  return times(x, map(uniform, [p](double u) { return u < p ? 0 : 1 / (1 - p); }));
  // END SOLUTION
}

// The standard deviation of the first weights of a layer before a relu, by He et al., 2015, so that signals keep their size.
inline double he_deviation(size_t inputs) {
  // BEGIN SOLUTION 4.4
  return std::sqrt(2 / double(inputs));
  // END SOLUTION
}

// ---- Part 5: a block:  out = x + linear(gelu(linear(layer_norm(x), w1, b1)), w2, b2)

struct Block {
  Matrix gamma, beta, w1, b1, w2, b2;
};
constexpr double kEps = 1e-5;

inline Matrix block(const Block& p, const Matrix& x) {
  // BEGIN SOLUTION 5.1
  const Matrix h = linear(layer_norm(x, p.gamma, p.beta, kEps).y, p.w1, p.b1);
  return x + linear(gelu(h), p.w2, p.b2);
  // END SOLUTION
}

// dL/dx and, in a Block, those of the parameters.
struct BlockGrads {
  Matrix x;
  Block parameters;
};
inline BlockGrads block_backward(const Block& p, const Matrix& x, const Matrix& g) {
  // BEGIN SOLUTION 5.2
  const LayerNorm norm = layer_norm(x, p.gamma, p.beta, kEps);
  const Matrix h = linear(norm.y, p.w1, p.b1);
  const LinearGrads second = linear_backward(gelu(h), p.w2, g);
  const LinearGrads first = linear_backward(norm.y, p.w1, gelu_backward(h, second.x));
  const AffineGrads affine = layer_norm_affine_backward(norm, first.x);
  return {g + layer_norm_backward(norm, p.gamma, first.x),
          {affine.gamma, affine.beta, first.w, first.b, second.w, second.b}};
  // END SOLUTION
}
