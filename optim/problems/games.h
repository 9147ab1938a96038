// Games whose operator is linear: every player moves along its own block of V(x) = M x + c, the derivative of its own loss
// with respect to its own block, and all that is seen of it is noisy.
//   bilinear: losses th'A ph and -th'A ph, x = (th, ph): V = (A ph, -A'th)
// Setting of: Hsieh, Antonakopoulos, Cevher, Mertikopoulos, NeurIPS 2022, arXiv 2206.06015.
// In double: a game is a few numbers, and its regret a small difference of long sums.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/tensor.h"

namespace gradus {

struct LinearGame {
  std::vector<double> matrix;    ///< M, row-major (d,d)
  std::vector<double> constant;  ///< c, (d)
  std::vector<int64> players;    ///< sizes of their blocks, of sum d
  int64 size() const { return static_cast<int64>(constant.size()); }
};
/// The planar game th*ph: V = (ph, -th).
LinearGame planar_bilinear_game();
/// min over th, max over ph of mu/2*||th||^2 + th'A ph - mu/2*||ph||^2, blocks of `size`, A (size,size).
LinearGame quadratic_game(int64 size, double mu, std::span<const double> a);

/// V(x), (d). Throws ShapeError for numbers that do not fit, or sizes of players that do not add up to d.
std::vector<double> game_operator(const LinearGame& game, std::span<const double> x);

/// Regret in the game th'A ph, after each round, against the best fixed action in the ball of that radius:
///   min player:   sum_{s<=t} th_s'A ph_s + radius*||sum_{s<=t} A ph_s||
///   max player: - sum_{s<=t} th_s'A ph_s + radius*||sum_{s<=t} A'th_s||
class BilinearRegret {
 public:
  /// A (d1,d2), row-major.
  BilinearRegret(std::vector<double> a, int64 d1, int64 d2, double radius = 1);
  /// One round's played actions, (d1) and (d2). Throws ShapeError.
  void play(std::span<const double> theta, std::span<const double> phi);
  double of_min() const;
  double of_max() const;

 private:
  std::vector<double> a_, sum_a_phi_, sum_at_theta_;
  double radius_, value_ = 0;
};

}  // namespace gradus
