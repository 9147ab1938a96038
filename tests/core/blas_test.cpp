#include "core/blas.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "core/threads.h"

using namespace gradus;

TEST_CASE("gemm: every transposition against a naive triple loop, with alpha, beta and longer rows") {
  Rng rng(1);
  const int64 m = 5, n = 7, k = 6;
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      const Tensor a = rng.normal_tensor(ta ? Shape{k, m + 1} : Shape{m, k + 1});
      const Tensor b = rng.normal_tensor(tb ? Shape{n, k + 2} : Shape{k, n + 2});
      Tensor c = rng.normal_tensor({m, n + 3});
      const Tensor before = c.clone();
      gemm(ta, tb, m, n, k, 2, a.data(), a.dim(1), b.data(), b.dim(1), real(0.5), c.mutable_data(), c.dim(1));
      for (int64 i = 0; i < m; ++i) {
        for (int64 j = 0; j < n; ++j) {
          double sum = 0;
          for (int64 l = 0; l < k; ++l)
            sum += double(ta ? a.at({l, i}) : a.at({i, l})) * (tb ? b.at({j, l}) : b.at({l, j}));
          CHECK(c.at({i, j}) == doctest::Approx(2 * sum + 0.5 * before.at({i, j})).epsilon(1e-5));
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

TEST_CASE("threads: parallel_for covers every index once and small work stays whole") {
  std::vector<int> hits(100001);
  parallel_for(100001, 10, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
  });
  CHECK(std::count(hits.begin(), hits.end(), 1) == 100001);
  int calls = 0;
  parallel_for(100, 1000, [&](int64 begin, int64 end) { calls += begin == 0 && end == 100; });
  CHECK(calls == 1);
  parallel_for(0, 1, [&](int64, int64) { ++calls; });
  CHECK(calls == 1);
  CHECK_THROWS_AS(set_threads(0), UsageError);
}
