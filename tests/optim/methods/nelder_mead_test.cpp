// A simplex that moves: the card's minimum, each kind of move by hand, the cache.
#include "optim/methods/nelder_mead.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

namespace gradus::nelder_mead_tests {

using Point = NelderMead::Point;

TEST_CASE("nelder-mead: a quadratic's minimum within sixty iterations") {
  NelderMead search({{0, 0}, {1, 0}, {0, 1}},
                    [](const Point& x) { return (x[0] - 1) * (x[0] - 1) + (x[1] + 2) * (x[1] + 2); },
                    {.tol = 0, .cache_tol = 0, .max_iters = 60});
  search.run();
  const Point best = search.best();
  CHECK((best[0] - 1) * (best[0] - 1) + (best[1] + 2) * (best[1] + 2) < 1e-12);
}

// One step on a line; the simplex is {0, 1}.
SimplexMove first_move(double (*f)(double), Point& worst) {
  NelderMead search({{0}, {1}}, [f](const Point& x) { return f(x[0]); }, {.cache_tol = 0});
  const SimplexMove move = search.step();
  worst = search.simplex()[1];
  return move;
}

TEST_CASE("nelder-mead: the moves, by hand") {
  Point w;
  // Sorted (0, 1): c = 0, R = -1, E = -2, K = 0.5.
  CHECK(first_move([](double x) { return x; }, w) == SimplexMove::kExpand);
  CHECK(w[0] == -2);
  CHECK(first_move([](double x) { return std::abs(x + 0.9); }, w) == SimplexMove::kReflectBeyondBest);
  CHECK(w[0] == -1);
  CHECK(first_move([](double x) { return std::abs(x); }, w) == SimplexMove::kContract);
  CHECK(w[0] == 0.5);
  CHECK(first_move([](double x) { return x == 0 ? 0.0 : x == 1 ? 1.0 : 2.0; }, w) == SimplexMove::kShrink);
  CHECK(w[0] == 0.5);
  // In two dimensions R between the best and the second worst is taken as it is.
  NelderMead plane({{0, 0}, {1, 0}, {0, 1}},
                   [](const Point& x) { return x[1] > 0   ? 2
                                               : x[1] < 0 ? 0.5
                                                          : x[0]; }, {.cache_tol = 0});
  CHECK(plane.step() == SimplexMove::kReflect);
  CHECK(plane.simplex()[2] == Point{1, -1});
}

TEST_CASE("nelder-mead: near points share a value, a shrunk simplex of equal values ends the search") {
  int calls = 0;
  NelderMead search({{0, 0}, {0.001, 0.001}, {1, 0}},
                    [&](const Point&) {
                      ++calls;
                      return 1.0;
                    },
                    {.max_iters = 50});
  CHECK(search.values() == std::vector<double>{1, 1, 1});
  CHECK(calls == 2);
  const std::vector<SimplexMove> moves = search.run();
  CHECK(moves == std::vector<SimplexMove>{SimplexMove::kShrink});
  CHECK(search.done());
  CHECK(search.evaluations() == calls);
  CHECK_THROWS_AS(NelderMead({{0, 0}, {1, 0}}, [](const Point&) { return 0.0; }), ShapeError);
  NelderMead bad({{0}, {1}}, [](const Point&) { return NAN; });
  CHECK_THROWS_AS(bad.step(), NumericError);
}

}  // namespace gradus::nelder_mead_tests
