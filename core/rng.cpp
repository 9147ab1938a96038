#include "core/rng.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/box_muller.h"
#include "core/error.h"
#include "core/philox.h"
#include "core/threads.h"

namespace gradus {
namespace {

using box_muller::unit;

// splitmix64's finaliser: spreads the bits of a key.
std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  return philox_rounds(c[0], c[1], c[2], c[3], k[0], k[1]);
}

std::array<std::uint32_t, 4> Rng::block(std::uint64_t counter) const {
  return philox({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                 static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
}

Rng Rng::fork(std::string_view purpose) const {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (char ch : purpose) hash = (hash ^ static_cast<unsigned char>(ch)) * 0x100000001b3;
  return Rng(seed_, mix(stream_ ^ mix(hash)));
}

Rng Rng::fork(std::uint64_t index) const { return Rng(seed_, mix(mix(stream_) + index)); }

std::uint32_t Rng::bits32() { return block(counter_++)[0]; }

std::uint64_t Rng::bits64() {
  const auto r = block(counter_++);
  return std::uint64_t{r[0]} << 32 | r[1];
}

double Rng::uniform() {
  const auto r = block(counter_++);
  return unit(r[0], r[1]);
}

double Rng::normal() {
  const auto r = block(counter_++);
  return box_muller::normal(r[0], r[1], r[2], r[3]);
}

int64 Rng::below(int64 n) {
  if (n < 1) fail<UsageError>("Rng::below: needs n >= 1, not {}", n);
  const auto range = static_cast<std::uint64_t>(n);
  const std::uint64_t surplus = -range % range;  // 2^64 mod n: that many draws would be over-represented
  for (;;)
    if (const std::uint64_t bits = bits64(); bits >= surplus) return static_cast<int64>(bits % range);
}

template <class Draw>
Tensor Rng::fill(const Shape& shape, const Draw& draw) {
  Tensor t(shape);
  real* out = t.mutable_data();
  parallel_for(t.numel(), kParallelGrain / 16, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i)
      out[i] = static_cast<real>(draw(block(counter_ + static_cast<std::uint64_t>(i))));
  });
  counter_ += static_cast<std::uint64_t>(t.numel());
  return t;
}

Tensor Rng::uniform_tensor(const Shape& shape, real low, real high) {
  // 24 bits in float, so that rounding never reaches `high`.
  constexpr int kBits = sizeof(real) == 4 ? 24 : 32;
  return fill(shape, [=](const auto& r) {
    const double u = sizeof(real) == 4 ? (r[0] >> (32 - kBits)) * 0x1p-24 : unit(r[0], r[1]);
    return static_cast<double>(low) + (static_cast<double>(high) - static_cast<double>(low)) * u;
  });
}

Tensor Rng::normal_tensor(const Shape& shape, real mean, real std) {
  Tensor t(shape);
  const int64 n = t.numel();
  real* out = t.mutable_data();
  parallel_for((n + kTogether - 1) / kTogether, kParallelGrain / 4 / kTogether, [&](int64 begin, int64 end) {
    Blocks r;
    std::array<double, kTogether> z;
    for (int64 i = begin * kTogether; i < std::min(end * kTogether, n); i += kTogether) {
      philox_row(counter_ + static_cast<std::uint64_t>(i), stream_, seed_, r);
      for (size_t j = 0; j < kTogether; ++j) z[j] = box_muller::normal(r[0][j], r[1][j], r[2][j], r[3][j]);
      const int64 count = std::min(kTogether, n - i);
      for (int64 j = 0; j < count; ++j)
        out[i + j] = static_cast<real>(mean + std * z[static_cast<size_t>(j)]);
    }
  });
  counter_ += static_cast<std::uint64_t>(n);
  return t;
}

Tensor Rng::bernoulli_tensor(const Shape& shape, double p) {
  return fill(shape, [=](const auto& r) { return unit(r[0], r[1]) < p ? 1.0 : 0.0; });
}

Tensor Rng::rademacher_tensor(const Shape& shape) {
  // One block serves 128 elements: a sign wants one bit.
  constexpr int64 kSigns = 128;
  Tensor t(shape);
  const int64 n = t.numel();
  real* out = t.mutable_data();
  parallel_for((n + kSigns - 1) / kSigns, kParallelGrain / kSigns, [&](int64 begin, int64 end) {
    for (int64 b = begin; b < end; ++b) {
      const auto bits = block(counter_ + static_cast<std::uint64_t>(b));
      std::array<real, kSigns> signs;
      for (size_t word = 0; word < 4; ++word)  // 2*bit - 1, in vector code
        for (std::uint32_t j = 0; j < 32; ++j)
          signs[word * 32 + j] = static_cast<real>(static_cast<std::int32_t>(2 * (bits[word] >> j & 1)) - 1);
      std::copy_n(signs.data(), std::min(kSigns, n - b * kSigns), out + b * kSigns);
    }
  });
  counter_ += static_cast<std::uint64_t>(n);
  return t;
}

std::vector<int64> Rng::permutation(int64 n) {
  std::vector<int64> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64{0});
  for (int64 i = n - 1; i > 0; --i)
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(below(i + 1))]);
  return order;
}

}  // namespace gradus
