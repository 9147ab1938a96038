// Samples of recurrences.
#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "autograd/ops/recurrent.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// h_1 ... h_T and c_T, example by example.
std::vector<double> plain_lstm(const Grids& x, int64 steps, int64 n, int64 width) {
  std::vector<double> y(static_cast<size_t>((steps + 1) * n * width));
  const auto at = [&](int64 t, int64 r, int64 u) -> double& {
    return y[static_cast<size_t>((t * n + r) * width + u)];
  };
  for (int64 r = 0; r < n; ++r) {
    std::vector<double> h, c;
    for (int64 u = 0; u < width; ++u) h.push_back(x[2]({r, u})), c.push_back(x[3]({r, u}));
    for (int64 t = 0; t < steps; ++t) {
      const std::vector<double> before = h;
      for (int64 u = 0; u < width; ++u) {
        const auto sum = [&](int64 gate) {
          double s = x[0]({t, r, gate * width + u});
          for (int64 i = 0; i < width; ++i) s += before[static_cast<size_t>(i)] * x[1]({gate * width + u, i});
          return s;
        };
        double& cell = c[static_cast<size_t>(u)];
        cell = logistic(sum(1)) * cell + logistic(sum(0)) * std::tanh(sum(2));
        at(t, r, u) = h[static_cast<size_t>(u)] = logistic(sum(3)) * std::tanh(cell);
      }
    }
    for (int64 u = 0; u < width; ++u) at(steps, r, u) = c[static_cast<size_t>(u)];
  }
  return y;
}

// Sums of as many terms as there are units stay of order 1: central differences see third derivatives else.
Tensor weights(int64 width, std::uint64_t seed) {
  Tensor w = normal({4 * width, width}, seed);
  real* p = w.mutable_data();
  for (int64 i = 0; i < w.numel(); ++i) p[i] /= std::sqrt(static_cast<real>(width));
  return w;
}

Samples recurrent_samples() {
  Samples s;
  std::uint64_t seed = 400;
  // One of all; units that fill panels and that leave a rest; more examples than units; none.
  for (const auto& [t, n, h] :
       {std::array<int64, 3>{1, 1, 1}, {3, 2, 4}, {2, 5, 3}, {4, 3, 35}, {3, 90, 64}, {2, 0, 3}}) {
    const int64 steps = t, rows = n, width = h;
    s.push_back(
        {"lstm",
         {normal({t, n, 4 * h}, ++seed), weights(h, ++seed), normal({n, h}, ++seed), normal({n, h}, ++seed)},
         [](const Tensors& x) { return g::lstm(x[0], x[1], x[2], x[3]); },
         [=](const Grids& x) { return plain_lstm(x, steps, rows, width); },
         {}});
  }
  return s;
}

}  // namespace

TEST_CASE("contract: recurrence") { check_family("recurrence", recurrent_samples()); }
