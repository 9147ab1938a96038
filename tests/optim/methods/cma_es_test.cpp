// CMA-ES: constants, convergence on a sphere, invariances, the symmetric root.
#include "optim/methods/cma_es.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace gradus::cma_es_tests {

double sphere(std::span<const double> x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return sum;
}

TEST_CASE("cma-es: the constants of d = 50 and 20 candidates") {
  const CmaConstants k = cma_constants(50, 20);
  CHECK(k.mueff == doctest::Approx(5.9388).epsilon(1e-4));
  CHECK(k.weights.size() == 10);
  CHECK(k.weights[0] == doctest::Approx(0.27961).epsilon(1e-4));
  CHECK(k.weights[9] == doctest::Approx(0.005802).epsilon(1e-3));
  CHECK(k.cc == doctest::Approx(0.07594).epsilon(1e-3));
  CHECK(k.cs == doctest::Approx(0.13028).epsilon(1e-4));
  CHECK(k.c1 == doctest::Approx(0.000758).epsilon(1e-3));
  CHECK(k.cmu == doctest::Approx(0.003031).epsilon(1e-3));
  CHECK(k.damps == doctest::Approx(1.13028).epsilon(1e-4));
  CHECK(k.chi_n == doctest::Approx(7.03585).epsilon(1e-5));
  CHECK_THROWS_AS(cma_constants(0, 4), UsageError);
  CHECK_THROWS_AS(cma_constants(3, 1), UsageError);
}

TEST_CASE(
    "cma-es: a sphere of ten dimensions is solved to 1e-10 in 200 generations of ten, best values never "
    "rise") {
  CmaEs search(std::vector<double>(10, 1.0), 0.5, 10);
  Rng rng(3);
  double best = search.best_f();
  for (int g = 0; g < 200; ++g) {
    search.generation(rng, sphere);
    CHECK(search.best_f() <= best);
    best = search.best_f();
  }
  CHECK(best < 1e-10);
  CHECK(sphere(search.best_x()) == best);
}

TEST_CASE("cma-es: adding a constant and any growing map of the values change no step") {
  const auto run = [](const CmaEs::Fitness& f) {
    CmaEs search({1, -2, 0.5}, 0.7, 8);
    Rng rng(1);
    for (int g = 0; g < 12; ++g) search.generation(rng, f);
    return std::pair{search.mean(), search.sigma()};
  };
  const auto plain = run(sphere);
  CHECK(run([](std::span<const double> x) { return sphere(x) + 4; }) == plain);
  CHECK(run([](std::span<const double> x) { return std::exp(3 * sphere(x)); }) == plain);
}

TEST_CASE("cma-es: the first generation moves the mean to the weighted best, its covariance by hand") {
  // d = 1, lam = 2: mu = 1, y = the better z.
  CmaEs search({0}, 2, 2);
  search.generation(std::vector<double>{1, -0.5}, [](std::span<const double> x) { return x[0]; });
  const CmaConstants k = cma_constants(1, 2);
  CHECK(search.mean()[0] == doctest::Approx(-1));
  CHECK(search.best_f() == -1);
  const double ps = std::sqrt(k.cs * (2 - k.cs)) * -0.5, pc = std::sqrt(k.cc * (2 - k.cc)) * -0.5;
  CHECK(search.h_sigma());
  CHECK(search.path_sigma()[0] == doctest::Approx(ps));
  CHECK(search.path_c()[0] == doctest::Approx(pc));
  CHECK(search.covariance()[0] == doctest::Approx(1 - k.c1 - k.cmu + k.c1 * pc * pc + k.cmu * 0.25));
  CHECK(search.sigma() == doctest::Approx(2 * std::exp(k.cs / k.damps * (std::abs(ps) / k.chi_n - 1))));
}

TEST_CASE("cma-es: the path of the step size is of steps divided by the root of the covariance") {
  CmaEs search({0}, 2, 2, 1);
  const auto low = [](std::span<const double> x) { return x[0]; };
  search.generation(std::vector<double>{1, -0.5}, low);
  const double before = search.path_sigma()[0];
  search.generation(std::vector<double>{2, -1.5}, low);
  const CmaConstants k = cma_constants(1, 2);
  // y = -1.5*root, and y/root = -1.5 whatever the covariance has become.
  CHECK(search.path_sigma()[0] ==
        doctest::Approx((1 - k.cs) * before - 1.5 * std::sqrt(k.cs * (2 - k.cs))).epsilon(1e-12));
}

TEST_CASE("cma-es: what makes no sense is refused") {
  CHECK_THROWS_AS(CmaEs({1, 2}, 0, 4), UsageError);
  CHECK_THROWS_AS(CmaEs({1, 2}, 1, 4, 0), UsageError);
  CmaEs search({1, 2}, 1, 4);
  CHECK_THROWS_AS(search.generation(std::vector<double>(7), sphere), ShapeError);
  CHECK_THROWS_AS(
      search.generation(std::vector<double>(8), [](std::span<const double>) { return std::nan(""); }),
      NumericError);
}

}  // namespace gradus::cma_es_tests
