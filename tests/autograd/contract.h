// The contract every primitive of the registry is held to; see contract_test.cpp for what is checked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/graph.h"
#include "autograd/registry.h"
#include "core/rng.h"

namespace contract {

using gradus::int64;
using gradus::IntTensor;
using gradus::real;
using gradus::Rng;
using gradus::Shape;
using gradus::Tensor;

using Index = std::vector<int64>;
using Tensors = std::vector<Tensor>;

/// A tensor as plain doubles: what the naive loops read.
struct Grid {
  Shape shape;
  std::vector<double> v;
  double operator()(const Index& i) const;
  /// Under broadcasting: index `i` of a larger shape.
  double spread(const Index& i) const;
};
using Grids = std::vector<Grid>;
using Naive = std::function<std::vector<double>(const Grids&)>;

/// Calls f with every index of a shape, row-major.
void each(const Shape& shape, const std::function<void(const Index&)>& f);
/// Every index of `out` mapped through f.
std::vector<double> fill(const Shape& out, const std::function<double(const Index&)>& f);

/// One call of a primitive with inputs away from its kinks.
struct Sample {
  std::string name;  ///< of the primitive under test
  Tensors inputs;
  std::function<Tensor(const Tensors&)> f;
  Naive naive;                ///< the forward values by plain loops in double
  std::vector<int> constant;  ///< inputs that are not differentiated
  double condition = 1;  ///< by how much rounding is magnified: the forward tolerance is that much larger
};
using Samples = std::vector<Sample>;

/// Adds a sample of a map whose output element i is input element source(i), or 0 if source(i) is empty.
void add_map(Samples& samples, const char* name, const Shape& in,
             const std::function<Tensor(const Tensor&)>& f, const Shape& out,
             const std::function<Index(const Index&)>& source);

/// More elements than this run on several threads, and are spared the second order.
inline constexpr int64 kLarge = 1 << 16;

/// Runs the whole contract over the samples of one family and fails if a primitive of the family has no
/// rule or lacks a sample that check_coverage asks for. With GRADUS_TEST_DEVIATIONS set in the environment it prints
/// how near the family came to each tolerance.
void check_family(const char* family, const Samples& samples);
/// Fails unless the primitive has a sample that is empty, one of single elements, a large one and, where its inputs
/// broadcast, one that does.
void check_coverage(const gradus::PrimitiveEntry& entry, const Samples& samples);

Tensor normal(const Shape& shape, std::uint64_t seed);
Tensor positive(const Shape& shape, std::uint64_t seed);  ///< uniform in [0.5, 2)
Tensor away(const Shape& shape, std::uint64_t seed);      ///< +-[0.25, 1.5): no kink at 0 is near
Tensor distinct(const Shape& shape, std::uint64_t seed);  ///< any two elements differ by 1/64 at least

}  // namespace contract
