#include "optim/methods/gain_whitening.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

void check_frame(const char* what, const Tensor& W, const Tensor* g, const Tensor* covariance) {
  const bool fits = W.rank() == 2 && (!g || g->shape() == Shape{W.dim(1)}) &&
                    (!covariance || covariance->shape() == Shape{W.dim(0), W.dim(0)});
  if (!fits)
    fail<ShapeError>("{}: W {}, g {}, covariance {}", what, W.shape().str(), g ? g->shape().str() : "none",
                     covariance ? covariance->shape().str() : "none");
}

// M C M.
Tensor whitened(const Tensor& W, const Tensor& g, const Tensor& covariance, double alpha) {
  const Tensor m = whitening_map(W, g, alpha);
  return linalg::matmul(linalg::matmul(m, covariance), m, false, true);
}

// diag(W' A W).
std::vector<double> frame_diagonal(const Tensor& W, const Tensor& a) {
  const Tensor aw = linalg::matmul(a, W);
  std::vector<double> diagonal(static_cast<size_t>(W.dim(1)));
  for (int64 i = 0; i < W.dim(0); ++i)
    for (int64 k = 0; k < W.dim(1); ++k)
      diagonal[static_cast<size_t>(k)] +=
          static_cast<double>(W.data()[i * W.dim(1) + k]) * static_cast<double>(aw.data()[i * W.dim(1) + k]);
  return diagonal;
}

// g <- g + lr*(power - 1).
void ascend(Tensor& g, const std::vector<double>& power, const GainWhiteningOptions& o) {
  real* gain = g.mutable_data();
  for (int64 k = 0; k < g.numel(); ++k) {
    const double moved = static_cast<double>(gain[k]) + o.lr * (power[static_cast<size_t>(k)] - 1);
    gain[k] = static_cast<real>(o.clamp ? std::max(moved, 0.0) : moved);
  }
}

}  // namespace

Tensor whitening_map(const Tensor& W, const Tensor& g, double alpha) {
  check_frame("whitening_map", W, &g, nullptr);
  Tensor scaled = W.clone();
  for (int64 i = 0; i < W.numel(); ++i) scaled.mutable_data()[i] *= g.data()[i % W.dim(1)];
  Tensor a = linalg::matmul(scaled, W, false, true);
  for (int64 i = 0; i < a.dim(0); ++i) a.mutable_data()[i * a.dim(0) + i] += static_cast<real>(alpha);
  return linalg::solve(a, linalg::identity(a.dim(0)));
}

WhiteningError whitening_error(const Tensor& W, const Tensor& g, const Tensor& covariance,
                               const LeakOptions& options) {
  check_frame("whitening_error", W, &g, &covariance);
  const Tensor c = whitened(W, g, covariance, options.alpha);
  const int64 n = c.dim(0);
  WhiteningError error;
  for (int64 i = 0; i < c.numel(); ++i) {
    const double d = static_cast<double>(c.data()[i]) - (i % (n + 1) == 0 ? 1 : 0);
    error.fro += d * d / static_cast<double>(n * n);
  }
  const Tensor values = linalg::eigh(c).values;
  for (int64 i = 0; i < n; ++i) {
    double d = static_cast<double>(values.data()[i]) - 1;
    error.worst = std::max(error.worst, std::abs(d));
    if (i == n - 1) error.largest = d;
    if (options.clamp) d = std::max(d, 0.0);
    error.spectral += d * d / static_cast<double>(n);
  }
  return error;
}

Tensor gain_step_online(const Tensor& W, Tensor& g, const Tensor& x, const GainWhiteningOptions& options) {
  check_frame("gain_step_online", W, &g, nullptr);
  if (x.rank() != 2 || x.dim(0) != W.dim(0) || x.dim(1) < 1)
    fail<ShapeError>("gain_step_online: W {}, x {}", W.shape().str(), x.shape().str());
  const Tensor y = linalg::matmul(whitening_map(W, g, options.alpha), x);  // (N,B)
  const Tensor z = linalg::matmul(W, y, true);                             // (K,B)
  std::vector<double> power(static_cast<size_t>(W.dim(1)));
  for (int64 k = 0; k < z.dim(0); ++k)
    for (int64 b = 0; b < z.dim(1); ++b) {
      const double v = static_cast<double>(z.data()[k * z.dim(1) + b]);
      power[static_cast<size_t>(k)] += v * v / static_cast<double>(z.dim(1));
    }
  ascend(g, power, options);
  return y;
}

void gain_step_offline(const Tensor& W, Tensor& g, const Tensor& covariance,
                       const GainWhiteningOptions& options) {
  check_frame("gain_step_offline", W, &g, &covariance);
  ascend(g, frame_diagonal(W, whitened(W, g, covariance, options.alpha)), options);
}

Tensor optimal_gains(const Tensor& W, const Tensor& covariance) {
  check_frame("optimal_gains", W, nullptr, &covariance);
  Tensor root = linalg::spectral_function(linalg::eigh(covariance),
                                          [](double v) { return std::sqrt(std::max(v, 0.0)); });
  for (int64 i = 0; i < root.dim(0); ++i) root.mutable_data()[i * root.dim(0) + i] -= 1;
  Tensor gram = linalg::matmul(W, W, true);
  for (int64 i = 0; i < gram.numel(); ++i) gram.mutable_data()[i] *= gram.data()[i];
  const std::vector<double> wanted = frame_diagonal(W, root);
  Tensor right({W.dim(1)});
  for (int64 k = 0; k < W.dim(1); ++k)
    right.mutable_data()[k] = static_cast<real>(wanted[static_cast<size_t>(k)]);
  return linalg::solve(gram, right);
}

Tensor mercedes_frame() {
  Tensor W({2, 3});
  for (int k = 0; k < 3; ++k) {
    const double angle = 2 * std::numbers::pi * k / 3;
    W.mutable_data()[k] = static_cast<real>(std::cos(angle));
    W.mutable_data()[3 + k] = static_cast<real>(std::sin(angle));
  }
  return W;
}

Tensor local_frame(int64 height, int64 width, int64 window_height, int64 window_width) {
  if (height < 1 || width < 1) fail<UsageError>("local_frame: an image of {} x {}", height, width);
  const int64 pixels = height * width;
  std::vector<std::pair<int64, int64>> pairs;
  for (int64 p = 0; p < pixels; ++p)
    for (int64 q = p + 1; q < pixels; ++q)
      if (std::abs(p / width - q / width) < window_height && std::abs(p % width - q % width) < window_width)
        pairs.emplace_back(p, q);
  const int64 columns = pixels + std::ssize(pairs);
  Tensor W = Tensor::zeros({pixels, columns});
  real* w = W.mutable_data();
  for (int64 p = 0; p < pixels; ++p) w[p * columns + p] = 1;
  const real half = static_cast<real>(1 / std::numbers::sqrt2);
  for (int64 k = 0; k < std::ssize(pairs); ++k) {
    const auto [p, q] = pairs[static_cast<size_t>(k)];
    w[p * columns + pixels + k] = w[q * columns + pixels + k] = half;
  }
  return W;
}

}  // namespace gradus
