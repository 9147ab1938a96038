#include "core/blas.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/rng.h"

using namespace gradus;

TEST_CASE("gemm: every transposition against a naive triple loop, with alpha, beta and longer rows") {
  Rng rng(1);
  // Small, and divided among threads by rows and by columns of C.
  struct Extents {
    int64 m, n, k;
  };
  for (const auto& [m, n, k] : {Extents{5, 7, 6}, {203, 60, 100}, {60, 203, 100}})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        const Tensor a = rng.normal_tensor(ta ? Shape{k, m + 1} : Shape{m, k + 1});
        const Tensor b = rng.normal_tensor(tb ? Shape{n, k + 2} : Shape{k, n + 2});
        Tensor c = rng.normal_tensor({m, n + 3});
        const Tensor before = c.clone();
        gemm(ta, tb, m, n, k, 2, a.data(), a.dim(1), b.data(), b.dim(1), real(0.5), c.mutable_data(),
             c.dim(1));
        for (int64 i = 0; i < m; ++i) {
          for (int64 j = 0; j < n; ++j) {
            double sum = 0, size = 0;
            for (int64 l = 0; l < k; ++l) {
              const double term =
                  double(ta ? a.at({l, i}) : a.at({i, l})) * (tb ? b.at({j, l}) : b.at({l, j}));
              sum += term, size += std::abs(term);
            }
            CHECK(std::abs(double(c.at({i, j})) - (2 * sum + 0.5 * double(before.at({i, j})))) <
                  1e-6 * (1 + size));
          }
          for (int64 j = n; j < n + 3; ++j) CHECK(c.at({i, j}) == before.at({i, j}));
        }
      }
}

TEST_CASE("gemm: an empty inner extent scales or clears C") {
  Tensor c = Tensor::full({2, 2}, 3);
  gemm(false, false, 2, 2, 0, 1, c.data(), 1, c.data(), 2, real(0.5), c.mutable_data(), 2);
  CHECK(c.values() == std::vector<real>{1.5, 1.5, 1.5, 1.5});
  gemm(false, false, 2, 2, 0, 1, c.data(), 1, c.data(), 2, 0, c.mutable_data(), 2);
  CHECK(c.values() == std::vector<real>{0, 0, 0, 0});
}
