#include "core/kernels/vmath.h"

#include <doctest/doctest.h>

#include <vector>

using namespace gradus;

namespace {

// Error in units in the last place of the float nearest to the exact value.
double ulps(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  if (got == rounded) return 0;
  if (std::isinf(rounded) || std::isinf(got)) return 1e9;
  const float magnitude = std::max(std::fabs(rounded), std::numeric_limits<float>::min());
  return std::fabs(double(got) - exact) / (double(std::nextafter(magnitude, INFINITY)) - double(magnitude));
}

// Every 997th float of [low, high].
std::vector<float> floats_between(float low, float high) {
  std::vector<float> out;
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 997)
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const float x = std::bit_cast<float>(bits | sign);
      if (x >= low && x <= high) out.push_back(x);
    }
  return out;
}

template <class F, class Exact>
double worst(float low, float high, const F& f, const Exact& exact) {
  const std::vector<float> x = floats_between(low, high);
  std::vector<float> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = f(x[i]);
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = ulps(y[i], exact(double(x[i])));
    most = std::max(most, std::isnan(e) ? 1e9 : e);
  }
  return most;
}

}  // namespace

TEST_CASE("vmath: float functions stay within the errors their header states") {
  CHECK(worst(
            -200, 88.7f, [](float x) { return vmath::exp(x); }, [](double x) { return std::exp(x); }) <= 1.5);
  CHECK(worst(
            0, 3e38f, [](float x) { return vmath::log(x); }, [](double x) { return std::log(x); }) <= 1.5);
  CHECK(worst(
            -50, 50, [](float x) { return vmath::tanh(x); }, [](double x) { return std::tanh(x); }) <= 2.5);
  CHECK(worst(
            -50, 50, [](float x) { return vmath::erf(x); }, [](double x) { return std::erf(x); }) <= 2.5);
  CHECK(worst(
            -87, 200, [](float x) { return vmath::sigmoid(x); },
            [](double x) { return 1 / (1 + std::exp(-x)); }) <= 3);
  double gelu_error = 0, slope_error = 0;
  for (double x = -20; x <= 20; x += 0.000931) {
    const double phi = std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI),
                 cdf = 0.5 * std::erfc(-x / std::sqrt(2.0));
    const double xf = double(float(x)), scale = std::max(1.0, std::fabs(x));
    gelu_error = std::max(gelu_error, std::fabs(double(vmath::gelu(float(xf))) - x * cdf) / scale);
    slope_error =
        std::max(slope_error, std::fabs(double(vmath::gelu_slope(float(xf))) - cdf - x * phi) / scale);
  }
  CHECK(gelu_error <= 2e-7);
  CHECK(slope_error <= 3e-7);
}

TEST_CASE("vmath: special values") {
  constexpr float inf = INFINITY, nan = NAN;
  CHECK(vmath::exp(0.0f) == 1);
  CHECK(vmath::exp(inf) == inf);
  CHECK(vmath::exp(89.5f) == inf);
  CHECK(vmath::exp(-inf) == 0);
  CHECK(vmath::exp(-103.0f) > 0);
  CHECK(vmath::exp(-105.0f) == 0);
  CHECK(vmath::log(1.0f) == 0);
  CHECK(vmath::log(inf) == inf);
  CHECK(vmath::log(0.0f) == -inf);
  CHECK(std::isnan(vmath::log(-1.0f)));
  CHECK(std::isnan(vmath::log(-inf)));
  CHECK(vmath::tanh(inf) == 1);
  CHECK(vmath::tanh(-inf) == -1);
  CHECK(std::signbit(vmath::tanh(-0.0f)));
  CHECK(vmath::sigmoid(inf) == 1);
  CHECK(vmath::sigmoid(-inf) == 0);
  CHECK(vmath::erf(inf) == 1);
  CHECK(vmath::erf(-inf) == -1);
  CHECK(vmath::gelu(0.0f) == 0);
  for (auto* f : {+[](float x) { return vmath::exp(x); }, +[](float x) { return vmath::log(x); },
                  +[](float x) { return vmath::tanh(x); }, +[](float x) { return vmath::sigmoid(x); },
                  +[](float x) { return vmath::erf(x); }, +[](float x) { return vmath::gelu(x); },
                  +[](float x) { return vmath::gelu_slope(x); }})
    CHECK(std::isnan(f(nan)));
}
