// Snake: moves, fruits, ends.
#include "data/environments/snake.h"

#include <doctest/doctest.h>

#include <vector>

#include "core/error.h"

namespace gradus::snake_tests {

Snake with_fruits(int64 rows, int64 cols, Snake::Cell start, std::vector<Snake::Cell> fruits,
                  int64 limit = 100) {
  return Snake(
      rows, cols, limit, start,
      [fruits = std::move(fruits), next = size_t{0}](const Snake&) mutable -> std::optional<Snake::Cell> {
        if (next == fruits.size()) return std::nullopt;
        return fruits[next++];
      });
}

TEST_CASE("snake: moves, eats, grows") {
  Snake snake = with_fruits(3, 3, {1, 1}, {{0, 1}, {2, 2}});
  CHECK(snake.step(0) == 1);
  CHECK(snake.body() == std::deque<Snake::Cell>{{0, 1}, {1, 1}});
  CHECK(snake.fruit() == Snake::Cell{2, 2});
  CHECK(snake.step(3) == 0);
  CHECK(snake.body() == std::deque<Snake::Cell>{{0, 0}, {0, 1}});
  CHECK(snake.step(3) == 0);  // off the board: over, nothing moves
  CHECK(snake.done());
  CHECK(snake.body().front() == Snake::Cell{0, 0});
  CHECK(snake.step(1) == 0);
  CHECK(snake.body().front() == Snake::Cell{0, 0});
  CHECK_THROWS_AS(snake.step(4), DataError);
}

TEST_CASE("snake: the cell the tail leaves may be entered, unless a fruit is eaten there") {
  // Around a square of 2 by 2: a body of 4 follows its tail.
  Snake round = with_fruits(3, 3, {0, 0}, {{0, 1}, {1, 1}, {1, 0}});
  for (const int64 a : {1, 2, 3}) CHECK(round.step(a) == 1);
  CHECK(round.body().size() == 4);
  round.step(0);
  CHECK(!round.done());
  CHECK(round.body().front() == Snake::Cell{0, 0});
  // A fruit on the tail's cell keeps the tail where it is.
  Snake bites = with_fruits(3, 3, {0, 0}, {{0, 1}, {1, 1}, {1, 0}, {0, 0}});
  for (const int64 a : {1, 2, 3}) bites.step(a);
  CHECK(bites.step(0) == 0);
  CHECK(bites.done());
  // Back into the neck.
  Snake back = with_fruits(1, 4, {0, 0}, {{0, 1}, {0, 2}});
  back.step(1), back.step(1), back.step(3);
  CHECK(back.done());
}

TEST_CASE("snake: ends at the step limit and on a full board") {
  Snake limited = with_fruits(3, 3, {1, 1}, {}, 2);
  limited.step(0);
  CHECK(!limited.done());
  limited.step(1);
  CHECK(limited.done());
  CHECK(limited.body().front() == Snake::Cell{0, 2});
  Snake full = with_fruits(1, 2, {0, 0}, {{0, 1}, {0, 0}});
  CHECK(full.step(1) == 1);
  CHECK(full.done());
  CHECK(!full.fruit());
}

TEST_CASE("snake: planes") {
  Snake snake = with_fruits(2, 2, {0, 0}, {{0, 1}, {1, 0}});
  snake.step(1);
  std::vector<real> planes(20);
  snake.observe(planes);
  CHECK(planes == std::vector<real>{1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0.5, 1, 0, 0});
  std::vector<real> few(4);
  CHECK_THROWS_AS(snake.observe(few), ShapeError);
}

TEST_CASE("snake: random fruits fall on free cells; the same seed is the same game") {
  Snake a = Snake::random(4, 4, 50, Rng(3)), b = Snake::random(4, 4, 50, Rng(3));
  Rng actions(1);
  for (int i = 0; i < 30; ++i) {
    const int64 action = actions.below(4);
    CHECK(a.step(action) == b.step(action));
    CHECK(a.body() == b.body());
    CHECK(a.fruit() == b.fruit());
    if (a.done()) break;
    for (const Snake::Cell& c : a.body()) CHECK(c != *a.fruit());
  }
  CHECK_THROWS_AS(Snake::random(0, 4, 5, Rng(1)), UsageError);
  CHECK_THROWS_AS(with_fruits(2, 2, {2, 0}, {}), DataError);
}

}  // namespace gradus::snake_tests
