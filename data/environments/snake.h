// Snake on a board: a game that ends on leaving the board, on biting oneself, or after so many steps.
//
// Board of Bonnet et al., "One Step at a Time: Pros and Cons of Multi-Step Meta-Gradient Reinforcement Learning", 2021,
// arXiv 2111.00206.
// Actions: 0 up (row - 1), 1 right, 2 down, 3 left. Reward 1 for a fruit, which makes the snake one cell longer. The cell that
// the tail leaves in a move may be entered by it; it leaves unless a fruit is eaten.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <span>

#include "core/real.h"
#include "core/rng.h"

namespace gradus {

class Snake {
 public:
  using Cell = std::array<int64, 2>;  ///< row, column
  static constexpr int64 kActions = 4, kPlanes = 5;
  /// The next fruit, asked for at the start and whenever one was eaten; none: no fruit is on the board.
  using NextFruit = std::function<std::optional<Cell>(const Snake&)>;

  /// Throws UsageError for a board without cells and a step limit below 1, DataError for a cell off the board.
  Snake(int64 rows, int64 cols, int64 step_limit, Cell start, NextFruit next_fruit);
  /// A start and fruits drawn from the free cells.
  static Snake random(int64 rows, int64 cols, int64 step_limit, Rng rng);

  /// Moves, unless the game is over. Returns the reward. Throws DataError for no action.
  double step(int64 action);
  bool done() const { return done_; }
  int64 rows() const { return rows_; }
  int64 cols() const { return cols_; }
  const std::deque<Cell>& body() const { return body_; }  ///< head first
  const std::optional<Cell>& fruit() const { return fruit_; }
  /// Planes (5,rows,cols): body, head, tail, fruit, order ((length - j)/length at the j-th cell from the head).
  void observe(std::span<real> planes) const;

 private:
  bool on_board(Cell c) const { return c[0] >= 0 && c[0] < rows_ && c[1] >= 0 && c[1] < cols_; }
  bool full() const { return static_cast<int64>(body_.size()) == rows_ * cols_; }
  void place_fruit();

  int64 rows_, cols_, limit_, steps_ = 0;
  bool done_ = false;
  std::deque<Cell> body_;
  std::optional<Cell> fruit_;
  NextFruit next_fruit_;
};

}  // namespace gradus
