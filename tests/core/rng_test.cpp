#include "core/rng.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/threads.h"

using namespace gradus;

TEST_CASE("philox: the known answers of the reference implementation") {
  // Random123's kat_vectors, philox4x32 with 10 rounds.
  using Block = std::array<std::uint32_t, 4>;
  constexpr std::uint32_t f = 0xffffffff;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({f, f, f, f}, {f, f}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("rng: draws depend on seed and position only, not on threads") {
  const int before = threads();
  std::vector<std::vector<real>> draws;
  for (int n : {1, 2, 3}) {
    set_threads(n);
    Rng rng(7);
    rng.bits32();
    draws.push_back(rng.normal_tensor({100000}).values());
  }
  set_threads(before);
  CHECK(draws[0] == draws[1]);
  CHECK(draws[0] == draws[2]);
}

TEST_CASE("rng: state restores the sequence; forks are independent of what was drawn") {
  Rng rng(3);
  const Rng fork_before = rng.fork("init");
  rng.uniform_tensor({10});
  const Rng::State state = rng.state();
  const auto a = rng.normal_tensor({5}).values();
  rng.set_state(state);
  CHECK(rng.normal_tensor({5}).values() == a);
  CHECK(rng.fork("init").state() == fork_before.state());
  CHECK_FALSE(rng.fork("init").state() == rng.fork("data").state());
  CHECK_FALSE(rng.fork(1).state() == rng.fork(2).state());
  CHECK_FALSE(Rng(1).bits64() == Rng(2).bits64());
}

TEST_CASE("rng: moments of the distributions") {
  Rng rng(1);
  const int64 n = 200000;
  const auto moments = [&](const Tensor& t) {
    double mean = 0, square = 0;
    for (real v : t.span()) mean += v, square += double(v) * v;
    return std::pair(mean / double(n), square / double(n));
  };
  const auto [um, us] = moments(rng.uniform_tensor({n}));
  CHECK(um == doctest::Approx(0.5).epsilon(0.005));
  CHECK(us == doctest::Approx(1.0 / 3).epsilon(0.005));
  const auto [nm, ns] = moments(rng.normal_tensor({n}, 0, 2));
  CHECK(std::fabs(nm) < 0.02);
  CHECK(ns == doctest::Approx(4).epsilon(0.02));
  const auto [rm, rs] = moments(rng.rademacher_tensor({n}));
  CHECK(std::fabs(rm) < 0.01);
  CHECK(rs == 1);
  const auto [bm, bs] = moments(rng.bernoulli_tensor({n}, 0.3));
  CHECK(bm == doctest::Approx(0.3).epsilon(0.02));
  CHECK(bs == bm);
}

TEST_CASE("rng: uniform tensors stay below their upper end") {
  Rng rng(5);
  const Tensor t = rng.uniform_tensor({100000}, -1, 1);
  CHECK(*std::min_element(t.data(), t.data() + t.numel()) >= -1);
  CHECK(*std::max_element(t.data(), t.data() + t.numel()) < 1);
}

TEST_CASE("rng: below and permutation are complete and unbiased") {
  Rng rng(11);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60000; ++i) ++counts[static_cast<size_t>(rng.below(6))];
  for (int c : counts) CHECK(std::abs(c - 10000) < 400);
  CHECK_THROWS_AS(rng.below(0), UsageError);
  std::vector<int64> order = rng.permutation(1000);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64 i = 0; i < 1000; ++i) CHECK(order[static_cast<size_t>(i)] == i);
}
