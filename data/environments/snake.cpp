#include "data/environments/snake.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

Snake::Snake(int64 rows, int64 cols, int64 step_limit, Cell start, NextFruit next_fruit)
    : rows_(rows), cols_(cols), limit_(step_limit), body_{start}, next_fruit_(std::move(next_fruit)) {
  if (rows < 1 || cols < 1 || step_limit < 1)
    fail<UsageError>("snake: a board of {} by {} for {} steps", rows, cols, step_limit);
  if (!on_board(start)) fail<DataError>("snake: start ({}, {}) is off the board", start[0], start[1]);
  place_fruit();
}

Snake Snake::random(int64 rows, int64 cols, int64 step_limit, Rng rng) {
  const int64 row = rng.below(std::max<int64>(rows, 1)), col = rng.below(std::max<int64>(cols, 1));
  return Snake(rows, cols, step_limit, {row, col}, [rng](const Snake& snake) mutable -> std::optional<Cell> {
    const int64 cells = snake.rows() * snake.cols();
    int64 left = rng.below(cells - static_cast<int64>(snake.body().size()));  // the left-th free cell
    for (int64 i = 0; i < cells; ++i) {
      const Cell c{i / snake.cols(), i % snake.cols()};
      const bool taken = std::find(snake.body().begin(), snake.body().end(), c) != snake.body().end();
      if (!taken && left-- == 0) return c;
    }
    return std::nullopt;
  });
}

void Snake::place_fruit() {
  fruit_.reset();
  if (full()) return;
  fruit_ = next_fruit_(*this);
  if (fruit_ && !on_board(*fruit_))
    fail<DataError>("snake: fruit ({}, {}) is off the board", (*fruit_)[0], (*fruit_)[1]);
}

double Snake::step(int64 action) {
  if (action < 0 || action >= kActions) fail<DataError>("snake: action {} is none of 0 to 3", action);
  if (done_) return 0;
  constexpr std::array<Cell, 4> kMoves{{{-1, 0}, {0, 1}, {1, 0}, {0, -1}}};
  const Cell& move = kMoves[static_cast<size_t>(action)];
  const Cell head{body_.front()[0] + move[0], body_.front()[1] + move[1]};
  const bool eats = fruit_ && head == *fruit_;
  const auto solid = eats ? body_.end() : body_.end() - 1;  // the tail moves away unless a fruit is eaten
  if (!on_board(head) || std::find(body_.begin(), solid, head) != solid) {
    done_ = true;
    return 0;
  }
  body_.push_front(head);
  if (eats)
    place_fruit();
  else
    body_.pop_back();
  done_ = ++steps_ == limit_ || full();
  return eats ? 1 : 0;
}

void Snake::observe(std::span<real> planes) const {
  const int64 cells = rows_ * cols_;
  if (std::ssize(planes) != kPlanes * cells)
    fail<ShapeError>("snake: {} numbers for {} planes of {} cells", planes.size(), kPlanes, cells);
  std::fill(planes.begin(), planes.end(), real(0));
  const auto set = [&](int64 plane, const Cell& c, double value) {
    planes[static_cast<size_t>(plane * cells + c[0] * cols_ + c[1])] = static_cast<real>(value);
  };
  const double length = static_cast<double>(body_.size());
  for (size_t j = 0; j < body_.size(); ++j) {
    set(0, body_[j], 1);
    set(4, body_[j], (length - static_cast<double>(j)) / length);
  }
  set(1, body_.front(), 1);
  set(2, body_.back(), 1);
  if (fruit_) set(3, *fruit_, 1);
}

}  // namespace gradus
