#include "core/rng.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/box_muller.h"
#include "core/error.h"
#include "core/quick_normals.h"
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

TEST_CASE(
    "rng: normals are Box and Muller's, by the standard library's functions, whole tensors as single draws") {
  double worst = 0;
  Rng bits(5);
  for (int i = 0; i < 20000; ++i) {
    std::array<std::uint32_t, 4> r{bits.bits32(), bits.bits32(), bits.bits32(), bits.bits32()};
    if (i % 5 == 0) r[0] = ~0u, r[1] = ~0u << (i / 5 % 32);  // 1 - u1 down to 2^-53
    if (i % 7 == 0) r[0] = i % 2 ? 0 : r[0] >> (i / 7 % 32);
    const auto unit = [](std::uint32_t high, std::uint32_t low) {
      return static_cast<double>((std::uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
    };
    const double expected =
        std::sqrt(-2 * std::log(1 - unit(r[0], r[1]))) * std::cos(2 * std::numbers::pi * unit(r[2], r[3]));
    worst = std::max(worst, std::abs(box_muller::normal(r[0], r[1], r[2], r[3]) - expected));
  }
  CHECK(worst < 6e-15);
  CHECK(box_muller::log(1.0) == 0);
  CHECK(box_muller::log(0.5) == doctest::Approx(-std::numbers::ln2).epsilon(1e-15));
  for (const double t : {0.0, 0.25, 0.5, 0.75, 1.0})
    CHECK(std::abs(box_muller::cos_of_turns(t) - std::cos(2 * std::numbers::pi * t)) < 1e-15);
  for (const int64 n : {1, 63, 64, 65, 1000}) {
    Rng one(9), all(9);
    const Tensor t = all.normal_tensor({n}, 1, 3);
    for (int64 i = 0; i < n; ++i)
      REQUIRE(static_cast<double>(t.data()[i]) == doctest::Approx(1 + 3 * one.normal()).epsilon(1e-6));
    CHECK(one.state() == all.state());
  }
}

TEST_CASE("quick_normals: pairs of Box and Muller, four numbers a block, whatever the threads") {
  double worst = 0;
  Rng bits(6);
  for (int i = 0; i < 20000; ++i) {
    std::uint32_t a = bits.bits32(), b = bits.bits32();
    if (i % 5 == 0) a = i % 2 ? ~0u >> (i / 5 % 32) : 0;
    if (i % 7 == 0) b = i % 2 ? ~0u : 0;
    real z0, z1;
    box_muller::quick_pair(a, b, z0, z1);
    const double radius = std::sqrt(-2 * std::log((double(a) + 0.5) * 0x1p-32)),
                 angle = 2 * std::numbers::pi * (b >> 8) * 0x1p-24;
    // A radius near 0 comes in the steps that single precision has below 1.
    const double allowed = radius > 0.5 ? 7e-7 * std::max(radius, 1.0) : 4e-4;
    worst = std::max({worst, std::abs(double(z0) - radius * std::cos(angle)) / allowed,
                      std::abs(double(z1) - radius * std::sin(angle)) / allowed});
  }
  CHECK(worst < 1);
  const int before = threads();
  std::vector<std::vector<real>> draws;
  for (int n : {1, 3}) {
    set_threads(n);
    Rng rng(7, 3);
    rng.bits32();
    draws.push_back(quick_normal_tensor(rng, {100001}).values());
    CHECK(rng.state() == Rng::State{7, 3, 100002});
  }
  set_threads(before);
  CHECK(draws[0] == draws[1]);
  // Numbers j, 64 + j, 128 + j, 192 + j of a row of 256 are of block j.
  Rng one(7, 3);
  for (int skipped = 0; skipped < 1 + 64 + 5; ++skipped) one.bits32();
  const Rng::State s = one.state();
  const auto r = philox({static_cast<std::uint32_t>(s.counter), 0, 3, 0}, {7, 0});
  real z0, z1;
  box_muller::quick_pair(r[2], r[3], z0, z1);
  CHECK(draws[0][256 + 128 + 5] == doctest::Approx(z0).epsilon(1e-5));
  CHECK(draws[0][256 + 192 + 5] == doctest::Approx(z1).epsilon(1e-5));
  double mean = 0, square = 0, fourth = 0, neighbours = 0, partners = 0;
  for (size_t i = 0; i + 256 < draws[0].size(); ++i) {
    const double z = static_cast<double>(draws[0][i]);
    mean += z, square += z * z, fourth += z * z * z * z;
    neighbours += z * static_cast<double>(draws[0][i + 1]);
    partners += z * static_cast<double>(draws[0][i + 64]);
  }
  CHECK(std::abs(mean / 1e5) < 0.01);
  CHECK(square / 1e5 == doctest::Approx(1).epsilon(0.015));
  CHECK(fourth / 1e5 == doctest::Approx(3).epsilon(0.04));
  CHECK(std::abs(neighbours / 1e5) < 0.01);
  CHECK(std::abs(partners / 1e5) < 0.01);
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
