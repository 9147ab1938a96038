#include "data/signals/channel_estimators.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/linalg.h"

namespace gradus {
namespace {

using Complex = std::complex<double>;

// Fills the real form of a complex matrix (rows, columns).
class ComplexMatrix {
 public:
  ComplexMatrix(int64 rows, int64 columns)
      : rows_(rows), columns_(columns), values_(static_cast<size_t>(rows * columns)) {}
  Complex& at(int64 i, int64 j) { return values_[static_cast<size_t>(i * columns_ + j)]; }
  Tensor real_form() const {
    Tensor out({2 * rows_, 2 * columns_});
    for (int64 i = 0; i < rows_; ++i)
      for (int64 j = 0; j < columns_; ++j) {
        const Complex v = values_[static_cast<size_t>(i * columns_ + j)];
        real *top = out.mutable_data() + i * 2 * columns_ + j, *low = top + rows_ * 2 * columns_;
        top[0] = low[columns_] = static_cast<real>(v.real());
        top[columns_] = static_cast<real>(-v.imag()), low[0] = static_cast<real>(v.imag());
      }
    return out;
  }

 private:
  int64 rows_, columns_;
  std::vector<Complex> values_;
};

// Cells of the grid where the pilots are, in their order.
std::vector<int64> pilot_cells(const OfdmGrid& grid) {
  std::vector<int64> cells;
  for (int64 p = 0; p < grid.pilot_rows(); ++p)
    for (const int64 s : OfdmGrid::kPilotSymbols)
      cells.push_back(p * grid.pilot_spacing * OfdmGrid::kSymbols + s);
  return cells;
}

// Weights of the values at two neighbouring knots for each position.
struct Between {
  int64 low;
  double share;  // of the upper one
};
std::vector<Between> between_knots(int64 count, const std::vector<int64>& knots, bool hold) {
  std::vector<Between> all;
  for (int64 x = 0; x < count; ++x) {
    if (knots.size() == 1) {
      all.push_back({0, 0});
      continue;
    }
    int64 low = 0;
    while (low + 2 < std::ssize(knots) && knots[static_cast<size_t>(low + 1)] <= x) ++low;
    const double from = static_cast<double>(knots[static_cast<size_t>(low)]),
                 to = static_cast<double>(knots[static_cast<size_t>(low + 1)]);
    const double share = (static_cast<double>(x) - from) / (to - from);
    all.push_back({low, hold ? std::clamp(share, 0.0, 1.0) : share});
  }
  return all;
}

Tensor interpolated(const Tensor& pilots, const OfdmGrid& grid, bool hold) {
  const int64 N = pilots.dim(0), P = pilots.dim(1), S = pilots.dim(2), K = grid.subcarriers,
              M = OfdmGrid::kSymbols;
  std::vector<int64> rows;
  for (int64 p = 0; p < P; ++p) rows.push_back(p * grid.pilot_spacing);
  const std::vector<Between> by_row = between_knots(K, rows, hold),
                             by_symbol = between_knots(
                                 M, {OfdmGrid::kPilotSymbols.begin(), OfdmGrid::kPilotSymbols.end()}, hold);
  Tensor out({N, K, M});
  for (int64 n = 0; n < N; ++n)
    for (int64 k = 0; k < K; ++k)
      for (int64 m = 0; m < M; ++m) {
        const Between r = by_row[static_cast<size_t>(k)], s = by_symbol[static_cast<size_t>(m)];
        const auto at = [&](int64 row, int64 symbol) {
          return static_cast<double>(
              pilots.data()[(n * P + std::min(row, P - 1)) * S + std::min(symbol, S - 1)]);
        };
        const double low = (1 - s.share) * at(r.low, s.low) + s.share * at(r.low, s.low + 1),
                     high = (1 - s.share) * at(r.low + 1, s.low) + s.share * at(r.low + 1, s.low + 1);
        out.mutable_data()[(n * K + k) * M + m] = static_cast<real>((1 - r.share) * low + r.share * high);
      }
  return out;
}

}  // namespace

ChannelCovariance exact_covariance(const ChannelConditions& c, const OfdmGrid& grid) {
  const TdlProfile profile = tdl_a();
  const TdlOptions standard;
  const int64 K = grid.subcarriers, M = OfdmGrid::kSymbols, L = profile.delays.numel();
  std::vector<double> power(static_cast<size_t>(L));
  double total = 0;
  for (int64 l = 0; l < L; ++l)
    total += power[static_cast<size_t>(l)] =
        std::pow(10, static_cast<double>(profile.powers_db.data()[l]) / 10);
  std::vector<Complex> by_lag(static_cast<size_t>(2 * K - 1));  // of subcarriers, from 1-K on
  for (int64 lag = 1 - K; lag < K; ++lag)
    for (int64 l = 0; l < L; ++l) {
      const double tau = static_cast<double>(profile.delays.data()[l]) * c.delay_spread_ns * 1e-9;
      by_lag[static_cast<size_t>(lag + K - 1)] +=
          std::polar(power[static_cast<size_t>(l)] / total,
                     -2 * std::numbers::pi * static_cast<double>(lag) * standard.subcarrier_spacing * tau);
    }
  std::vector<double> by_time(static_cast<size_t>(M));
  for (int64 lag = 0; lag < M; ++lag)
    by_time[static_cast<size_t>(lag)] = std::cyl_bessel_j(
        0.0, 2 * std::numbers::pi * c.doppler_hz * static_cast<double>(lag) * standard.symbol_duration);
  const auto between = [&](int64 a, int64 b) {
    return by_lag[static_cast<size_t>(a / M - b / M + K - 1)] *
           by_time[static_cast<size_t>(std::abs(a % M - b % M))];
  };
  const std::vector<int64> pilots = pilot_cells(grid);
  const int64 P = std::ssize(pilots), G = K * M;
  ComplexMatrix cross(G, P), own(P, P);
  for (int64 j = 0; j < P; ++j) {
    for (int64 i = 0; i < G; ++i) cross.at(i, j) = between(i, pilots[static_cast<size_t>(j)]);
    for (int64 i = 0; i < P; ++i)
      own.at(i, j) = between(pilots[static_cast<size_t>(i)], pilots[static_cast<size_t>(j)]);
  }
  return {cross.real_form(), own.real_form()};
}

ChannelCovariance mean_covariance(const OfdmFrames& frames, const OfdmGrid& grid) {
  const std::vector<int64> pilots = pilot_cells(grid);
  const int64 N = frames.re.dim(0), G = grid.subcarriers * OfdmGrid::kSymbols, P = std::ssize(pilots);
  ComplexMatrix cross(G, P), own(P, P);
  const double share = 1 / static_cast<double>(N);
  for (int64 n = 0; n < N; ++n) {
    const auto at = [&](int64 cell) {
      return Complex(static_cast<double>(frames.re.data()[n * G + cell]),
                     static_cast<double>(frames.im.data()[n * G + cell]));
    };
    for (int64 j = 0; j < P; ++j) {
      const Complex pilot = share * std::conj(at(pilots[static_cast<size_t>(j)]));
      for (int64 i = 0; i < G; ++i) cross.at(i, j) += at(i) * pilot;
      for (int64 i = 0; i < P; ++i) own.at(i, j) += at(pilots[static_cast<size_t>(i)]) * pilot;
    }
  }
  return {cross.real_form(), own.real_form()};
}

ChannelEstimate lmmse_estimate(const ChannelCovariance& covariance, double snr_db, const OfdmFrames& frames) {
  const int64 N = frames.re.dim(0), G = frames.re.numel() / std::max<int64>(N, 1),
              P = frames.pilots_re.numel() / std::max<int64>(N, 1);
  Tensor noisy = covariance.pilots.clone();
  for (int64 i = 0; i < 2 * P; ++i)
    noisy.mutable_data()[i * 2 * P + i] += static_cast<real>(std::pow(10, -snr_db / 10));
  const Tensor weights = linalg::solve_positive(noisy, linalg::transpose(covariance.cross));  // (2P,2G)
  Tensor seen({N, 2 * P});
  for (int64 n = 0; n < N; ++n) {
    std::copy_n(frames.pilots_re.data() + n * P, P, seen.mutable_data() + n * 2 * P);
    std::copy_n(frames.pilots_im.data() + n * P, P, seen.mutable_data() + n * 2 * P + P);
  }
  const Tensor both = linalg::matmul(seen, weights);  // (N,2G)
  ChannelEstimate estimate{Tensor(frames.re.shape()), Tensor(frames.re.shape())};
  for (int64 n = 0; n < N; ++n) {
    std::copy_n(both.data() + n * 2 * G, G, estimate.re.mutable_data() + n * G);
    std::copy_n(both.data() + n * 2 * G + G, G, estimate.im.mutable_data() + n * G);
  }
  return estimate;
}

ChannelEstimate interpolated_estimate(const OfdmFrames& frames, const OfdmGrid& grid, bool hold) {
  return {interpolated(frames.pilots_re, grid, hold), interpolated(frames.pilots_im, grid, hold)};
}

double channel_error_db(const ChannelEstimate& estimate, const OfdmFrames& frames) {
  double squares = 0;
  for (int64 i = 0; i < frames.re.numel(); ++i) {
    const double re = static_cast<double>(estimate.re.data()[i] - frames.re.data()[i]),
                 im = static_cast<double>(estimate.im.data()[i] - frames.im.data()[i]);
    squares += re * re + im * im;
  }
  return 10 * std::log10(std::max(squares / static_cast<double>(frames.re.numel()), 1e-30));
}

}  // namespace gradus
