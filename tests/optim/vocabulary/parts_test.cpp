// Passes by parts: sizes below, at and beyond a part and its blocks.
#include "optim/vocabulary/parts.h"

#include <doctest/doctest.h>

#include "core/rng.h"

using namespace gradus;

TEST_CASE("parts: every element once, sums over all of them, the same bits for any number of threads") {
  const int before = threads();
  for (const int64 n : {0, 1, 63, 64, 65, 4096, 4097, 10007, 300001}) {
    CAPTURE(n);
    Tensor counted(Shape{n});
    double sum = 0, squares = 0;
    for (int64 i = 0; i < n; ++i) {
      const double x = double(i % 7);
      counted.mutable_data()[i] = real(x);
      sum += x, squares += x * x;
    }
    const Tensor noise = Rng(4).normal_tensor(Shape{n});
    std::vector<double> one;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      Tensor visits = Tensor::zeros(Shape{n});
      real* visited = visits.mutable_data();
      const real *x = counted.data(), *y = noise.data();
      const auto sums = sum_parts(n, 3, [&](Part part, double* of_part) {
        elements(
            part, [](real& v) { v += 1; }, visited);
        of_part[0] = sum_of(
            part, [](real a) { return double(a); }, x);
        of_part[1] = sum_of(
            part, [](real a, real b) { return double(a) * double(b); }, x, x);
        of_part[2] = sum_of(
            part, [](real a) { return double(a); }, y);
      });
      CHECK(visits.values() == std::vector<real>(static_cast<size_t>(n), 1));
      CHECK(sums[0] == sum);  // integers: exact in any order
      CHECK(sums[1] == squares);
      if (count == 1) one = sums;
      CHECK(sums == one);
    }
  }
  set_threads(before);
}

TEST_CASE("parts: numbers that live as long as a part, beside tensors") {
  for (const int64 n : {1, 64, 65, 4095, 8200}) {
    CAPTURE(n);
    Tensor x(Shape{n}), twice(Shape{n});
    for (int64 i = 0; i < n; ++i) x.mutable_data()[i] = real(i % 1000);
    const real* from = x.data();
    real* to = twice.mutable_data();
    for_each_part(n, [&](Part part) {
      std::array<real, Part::kMost> own{};
      for (int i = 0; i < 2; ++i)
        elements_with(
            own.data(), part, [](real& sum, real y) { sum += y; }, from);
      elements_with(
          own.data(), part, [](real sum, real& y) { y = sum; }, to);
    });
    for (int64 i = 0; i < n; ++i) REQUIRE(twice.data()[i] == 2 * x.data()[i]);
  }
}
