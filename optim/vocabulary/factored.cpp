#include "optim/vocabulary/factored.h"

#include <cmath>
#include <numeric>

#include "optim/vocabulary/sums.h"

namespace gradus {
namespace {

void move(Tensor& mean, const std::vector<double>& x, double beta) {
  real* m = mean.mutable_data();
  for (size_t i = 0; i < x.size(); ++i)
    m[i] = static_cast<real>(beta * static_cast<double>(m[i]) + (1 - beta) * x[i]);
}

std::vector<real> inverse_roots(const Tensor& mean, double divisor) {
  std::vector<real> out;
  for (real x : mean.span())
    out.push_back(static_cast<real>(1 / std::sqrt(static_cast<double>(x) / divisor)));
  return out;
}

}  // namespace

RootFactors update_factors(State& s, const char* r, const char* c, const Margins& m, double beta) {
  Tensor& row = s(r, {static_cast<int64>(m.row.size())});
  Tensor& col = s(c, {static_cast<int64>(m.col.size())});
  move(row, m.row, beta);
  move(col, m.col, beta);
  const auto values = row.span();
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return {inverse_roots(row, mean), inverse_roots(col, 1)};
}

double sum_of_scaled_squares(const Tensor& g, int64 rows, int64 cols, const RootFactors& root) {
  std::vector<double> sums(static_cast<size_t>(rows));
  for_each_row(rows, cols, [&](int64 i) {
    const real r = root.row[static_cast<size_t>(i)];
    sums[static_cast<size_t>(i)] = elements_with_sums<1>(
        cols, [=](real x, real c, double& term) { term = static_cast<double>(square(x * r * c)); },
        g.data() + i * cols, root.col.data())[0];
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace gradus
