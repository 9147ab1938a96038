// What samples are made of: indices, naive loops over them, tensors away from kinks.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/autograd/contract.h"

namespace contract {

double Grid::operator()(const Index& i) const {
  int64 at = 0;
  for (size_t k = 0; k < i.size(); ++k) at = at * shape[static_cast<int>(k)] + i[k];
  return v[size_t(at)];
}
double Grid::spread(const Index& i) const {
  int64 at = 0;
  const size_t skip = i.size() - size_t(shape.rank());
  for (int k = 0; k < shape.rank(); ++k) at = at * shape[k] + (shape[k] == 1 ? 0 : i[skip + size_t(k)]);
  return v[size_t(at)];
}

void each(const Shape& shape, const std::function<void(const Index&)>& f) {
  Index i(size_t(shape.rank()), 0);
  for (int64 n = 0; n < shape.numel(); ++n) {
    f(i);
    for (size_t k = i.size(); k-- > 0;) {
      if (++i[k] < shape[static_cast<int>(k)]) break;
      i[k] = 0;
    }
  }
}
std::vector<double> fill(const Shape& out, const std::function<double(const Index&)>& f) {
  std::vector<double> v;
  each(out, [&](const Index& i) { v.push_back(f(i)); });
  return v;
}

Tensor normal(const Shape& shape, std::uint64_t seed) { return Rng(seed).normal_tensor(shape); }
Tensor positive(const Shape& shape, std::uint64_t seed) {
  return Rng(seed).uniform_tensor(shape, real(0.5), 2);
}
Tensor away(const Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  Tensor t = rng.uniform_tensor(shape, real(0.25), real(1.5));
  for (int64 i = 0; i < t.numel(); ++i)
    if (rng.bernoulli(0.5)) t.mutable_data()[i] *= -1;
  return t;
}
Tensor distinct(const Shape& shape, std::uint64_t seed) {
  Tensor t(shape);
  const std::vector<int64> order = Rng(seed).permutation(shape.numel());
  for (int64 i = 0; i < t.numel(); ++i)
    t.mutable_data()[i] = static_cast<real>(order[size_t(i)] - shape.numel() / 2) / 64;
  return t;
}

void add_map(Samples& s, const char* name, const Shape& in, const std::function<Tensor(const Tensor&)>& f,
             const Shape& out, const std::function<Index(const Index&)>& source) {
  static std::uint64_t seed = 300;
  s.push_back({name,
               {normal(in, ++seed)},
               [=](const Tensors& x) { return f(x[0]); },
               [=](const Grids& x) {
                 return fill(out, [&](const Index& i) {
                   const Index from = source(i);
                   return from.empty() && x[0].shape.rank() > 0 ? 0.0 : x[0](from);
                 });
               },
               {}});
}

}  // namespace contract

TEST_CASE(
    "contract: indices run row-major, broadcasting ignores axes of length one, elements keep their "
    "distance") {
  using namespace contract;
  std::vector<Index> seen;
  each({2, 3}, [&](const Index& i) { seen.push_back(i); });
  CHECK(seen == std::vector<Index>{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}});
  const Grid grid{{2, 3}, {0, 1, 2, 3, 4, 5}}, column{{2, 1}, {7, 8}};
  CHECK(grid({1, 2}) == 5);
  CHECK(column.spread({5, 1, 2}) == 8);
  CHECK(fill({2, 2}, [&](const Index& i) { return grid({i[1], i[0]}); }) == std::vector<double>{0, 3, 1, 4});
  const Tensor t = distinct({5}, 1), kinked = away({100}, 2);
  for (int64 i = 0; i < 5; ++i)
    for (int64 j = 0; j < i; ++j) CHECK(std::abs(t.data()[i] - t.data()[j]) >= real(1) / 64);
  for (int64 i = 0; i < 100; ++i) CHECK(std::abs(kinked.data()[i]) >= real(0.25));
}
