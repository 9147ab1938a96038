#include "nn/init.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/threads.h"
#include "nn/registry.h"

using namespace gradus;

namespace {

struct Moments {
  double mean, std, largest;
};

Moments draw(const Init& init, const Shape& shape) {
  Tensor t(shape);
  Rng rng(5);
  init(t, rng);
  double sum = 0, squares = 0, largest = 0;
  for (real v : t.span()) {
    const double x = static_cast<double>(v);
    sum += x, squares += x * x, largest = std::max(largest, std::abs(x));
  }
  const double n = static_cast<double>(t.numel()), m = sum / n;
  return {m, std::sqrt(squares / n - m * m), largest};
}

}  // namespace

TEST_CASE("init: standard deviations and bounds are those of the papers") {
  const Shape conv{64, 32, 3, 3};  // fan in 288, fan out 576
  CHECK(fan_of(conv).in == 288);
  CHECK(fan_of(conv).out == 576);
  const auto check = [&](const Init& init, double std, double bound) {
    const Moments m = draw(init, conv);
    CHECK(std::abs(m.mean) < 0.02 * std);
    CHECK(m.std == doctest::Approx(std).epsilon(0.02));
    if (bound > 0) {
      CHECK(m.largest <= bound * (1 + 1e-6));
      CHECK(m.largest > 0.99 * bound);
    }
  };
  check(init::torch_weight(), 1 / std::sqrt(3.0 * 288), 1 / std::sqrt(288.0));
  check(init::torch_bias(100), 0.1 / std::sqrt(3.0), 0.1);
  check(init::kaiming_normal(), std::sqrt(2.0 / 288), 0);
  check(init::kaiming_normal(0, true), std::sqrt(2.0 / 576), 0);
  check(init::kaiming_uniform(1), std::sqrt(1.0 / 288), std::sqrt(3.0 / 288));
  check(init::xavier_uniform(2), 2 * std::sqrt(2.0 / 864), 2 * std::sqrt(6.0 / 864));
  check(init::xavier_normal(), std::sqrt(2.0 / 864), 0);
  check(init::normal(0.5), 0.5, 0);
  // A standard normal cut at 2 has variance 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737.
  check(init::truncated_normal(0.02), 0.02 * std::sqrt(0.77374), 0.04);
  CHECK_THROWS_AS(fan_of({3}), ShapeError);
}

TEST_CASE("init: orthogonal rows or columns") {
  for (const Shape& shape : {Shape{3, 8}, Shape{8, 3}, Shape{4, 2, 3}}) {
    Tensor t(shape);
    Rng rng(1);
    init::orthogonal(2)(t, rng);
    const int64 out = t.dim(0), rest = t.numel() / out, n = std::min(out, rest);
    const auto at = [&](int64 i, int64 j) {  // element j of the i-th of the n orthogonal vectors
      return static_cast<double>(t.data()[out <= rest ? i * rest + j : j * rest + i]);
    };
    for (int64 a = 0; a < n; ++a)
      for (int64 b = 0; b < n; ++b) {
        double dot = 0;
        for (int64 j = 0; j < std::max(out, rest); ++j) dot += at(a, j) * at(b, j);
        CHECK(std::abs(dot - (a == b ? 4 : 0)) < 1e-5);
      }
  }
}

TEST_CASE("init: a model's first values do not depend on the number of threads") {
  const DataShape data{.channels = 1, .height = 28, .width = 28, .classes = 10};
  const int before = threads();
  set_threads(1);
  const auto one = make_model("lenet", data, Rng(4));
  set_threads(2);
  const auto two = make_model("lenet", data, Rng(4));
  set_threads(before);
  for (size_t i = 0; i < one->parameters().size(); ++i)
    CHECK(one->parameters()[i]->value.values() == two->parameters()[i]->value.values());
}
