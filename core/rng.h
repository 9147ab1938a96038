// Counter-based random numbers: Philox4x32-10.
//
// Paper: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
// A draw is a pure function of (seed, stream, counter), so results depend on the seed and never on the thread
// count, and the whole state of a generator is three integers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace gradus {

/// The ten-round Philox4x32 block: 128 random bits from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// An explicit generator. Copies continue independently from the same point.
class Rng {
 public:
  explicit Rng(std::uint64_t seed = 0, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// A generator of its own for a named purpose ("init", "dropout") or an index (an epoch, a sample): the
  /// same seed and the same path of forks always give the same numbers, whatever else was drawn before.
  Rng fork(std::string_view purpose) const;
  Rng fork(std::uint64_t index) const;

  std::uint32_t bits32();
  std::uint64_t bits64();
  /// Uniform in [0, 1) with 53 random bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box-Muller on two uniforms; no value is kept back).
  double normal();
  /// Uniform in 0..n-1, n >= 1, without modulo bias.
  int64 below(int64 n);
  bool bernoulli(double p) { return uniform() < p; }

  /// Tensors of draws; element i depends on (state, i) only, and the generator advances by the tensor's size.
  Tensor uniform_tensor(const Shape& shape, real low = 0, real high = 1);
  Tensor normal_tensor(const Shape& shape, real mean = 0, real std = 1);
  /// Each element 1 with probability p, else 0.
  Tensor bernoulli_tensor(const Shape& shape, double p);
  /// Each element +1 or -1 with probability 1/2 (Hutchinson probes).
  Tensor rademacher_tensor(const Shape& shape);
  /// A uniformly random order of 0..n-1.
  std::vector<int64> permutation(int64 n);

  /// The whole state, for checkpoints.
  struct State {
    std::uint64_t seed, stream, counter;
    bool operator==(const State&) const = default;
  };
  State state() const { return {seed_, stream_, counter_}; }
  void set_state(const State& s) { seed_ = s.seed, stream_ = s.stream, counter_ = s.counter; }

 private:
  std::array<std::uint32_t, 4> block(std::uint64_t counter) const;
  template <class Draw>
  Tensor fill(const Shape& shape, const Draw& draw);

  std::uint64_t seed_, stream_, counter_ = 0;  // counter_ counts blocks of 128 bits
};

}  // namespace gradus
