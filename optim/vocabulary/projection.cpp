#include "optim/vocabulary/projection.h"

#include <numeric>

#include "optim/vocabulary/sums.h"

namespace gradus {
namespace {

struct Products {
  double ww = 0, gg = 0, gw = 0;
  Products operator+(const Products& o) const { return {ww + o.ww, gg + o.gg, gw + o.gw}; }
  bool orthogonal(double delta, int64 n, double eps) const {
    const double sizes = std::max(std::sqrt(ww), eps) * std::max(std::sqrt(gg), eps);
    return std::abs(gw) / sizes < delta / std::sqrt(static_cast<double>(n));
  }
};

}  // namespace

double Projection::apply(const Param& p, Tensor& d, double eps) const {
  if (!p.is_matrix()) return 1;
  const int64 rows = p.rows(), cols = p.cols();
  const real *w = p.data.data(), *g = p.grad.data();
  std::vector<Products> of_row(static_cast<size_t>(rows));
  for_each_row(rows, cols, [&](int64 i) {
    const auto [ww, gg, gw] = elements_with_sums<3>(
        cols,
        [](real x, real y, double& xx, double& yy, double& yx) {
          const double a = double(x), b = double(y);
          xx = a * a, yy = b * b, yx = b * a;
        },
        w + i * cols, g + i * cols);
    of_row[static_cast<size_t>(i)] = {ww, gg, gw};
  });
  const Products whole = std::accumulate(of_row.begin(), of_row.end(), Products{});
  const bool by_rows = std::all_of(of_row.begin(), of_row.end(),
                                   [&](const Products& r) { return r.orthogonal(delta, cols, eps); });
  if (!by_rows && !whole.orthogonal(delta, p.data.numel(), eps)) return 1;

  real* to = d.mutable_data();
  std::vector<double> along(static_cast<size_t>(rows));  // <w_r, d_r>
  for_each_row(rows, cols, [&](int64 i) {
    along[static_cast<size_t>(i)] = elements_with_sums<1>(
        cols, [](real x, real y, double& term) { term = double(x) * double(y); }, w + i * cols,
        std::as_const(to) + i * cols)[0];
  });
  const double along_whole = std::accumulate(along.begin(), along.end(), 0.0);
  for_each_row(rows, cols, [&](int64 i) {
    const auto row = static_cast<size_t>(i);
    const double size = std::sqrt(by_rows ? of_row[row].ww : whole.ww) + eps;
    const real c = real((by_rows ? along[row] : along_whole) / (size * size));
    elements(
        cols, [=](real& x, real y) { x -= c * y; }, to + i * cols, w + i * cols);
  });
  return wd_ratio;
}

}  // namespace gradus
