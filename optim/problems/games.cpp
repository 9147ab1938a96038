#include "optim/problems/games.h"

#include <cmath>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

double length_of(std::span<const double> x) {
  return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
}

}  // namespace

LinearGame planar_bilinear_game() { return {{0, 1, -1, 0}, {0, 0}, {1, 1}}; }

LinearGame quadratic_game(int64 size, double mu, std::span<const double> a) {
  const size_t n = static_cast<size_t>(size), d = 2 * n;
  if (a.size() != n * n)
    fail<ShapeError>("quadratic game: {} numbers for a matrix of order {}", a.size(), size);
  LinearGame game{std::vector<double>(d * d, 0.0), std::vector<double>(d, 0.0), {size, size}};
  for (size_t i = 0; i < n; ++i) {
    game.matrix[i * d + i] = game.matrix[(n + i) * d + n + i] = mu;
    for (size_t j = 0; j < n; ++j) {
      game.matrix[i * d + n + j] = a[i * n + j];
      game.matrix[(n + j) * d + i] = -a[i * n + j];
    }
  }
  return game;
}

std::vector<double> game_operator(const LinearGame& game, std::span<const double> x) {
  const size_t d = game.constant.size();
  if (x.size() != d || game.matrix.size() != d * d ||
      std::accumulate(game.players.begin(), game.players.end(), int64{0}) != game.size())
    fail<ShapeError>("game: {} numbers in x, {} in M, {} in c, players of {} in all", x.size(),
                     game.matrix.size(), d,
                     std::accumulate(game.players.begin(), game.players.end(), int64{0}));
  std::vector<double> v = game.constant;
  for (size_t i = 0; i < d; ++i)
    for (size_t j = 0; j < d; ++j) v[i] += game.matrix[i * d + j] * x[j];
  return v;
}

BilinearRegret::BilinearRegret(std::vector<double> a, int64 d1, int64 d2, double radius)
    : a_(std::move(a)),
      sum_a_phi_(static_cast<size_t>(d1), 0.0),
      sum_at_theta_(static_cast<size_t>(d2), 0.0),
      radius_(radius) {
  if (a_.size() != sum_a_phi_.size() * sum_at_theta_.size())
    fail<ShapeError>("bilinear game: {} numbers for a matrix ({},{})", a_.size(), d1, d2);
}

void BilinearRegret::play(std::span<const double> theta, std::span<const double> phi) {
  const size_t d1 = sum_a_phi_.size(), d2 = sum_at_theta_.size();
  if (theta.size() != d1 || phi.size() != d2)
    fail<ShapeError>("bilinear game: actions of {} and {} for a matrix ({},{})", theta.size(), phi.size(), d1,
                     d2);
  for (size_t i = 0; i < d1; ++i)
    for (size_t j = 0; j < d2; ++j) {
      const double a = a_[i * d2 + j];
      value_ += theta[i] * a * phi[j];
      sum_a_phi_[i] += a * phi[j];
      sum_at_theta_[j] += a * theta[i];
    }
}

double BilinearRegret::of_min() const { return value_ + radius_ * length_of(sum_a_phi_); }
double BilinearRegret::of_max() const { return -value_ + radius_ * length_of(sum_at_theta_); }

}  // namespace gradus
