#include "nn/fields/sape_mask.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

Tensor mask_between(const GridCorners& corners, const SapeGrid& grid) {
  const int64 points = corners.cells.dim(0), around = corners.cells.dim(1), columns = grid.columns;
  Tensor m({points, columns});
  std::vector<double> row(static_cast<size_t>(columns));
  for (int64 n = 0; n < points; ++n) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int64 c = n * around; c < (n + 1) * around; ++c) {
      const double* cell = grid.values.data() + corners.cells[c] * columns;
      for (size_t w = 0; w < row.size(); ++w) row[w] += corners.weights[static_cast<size_t>(c)] * cell[w];
    }
    for (int64 w = 0; w < columns; ++w)
      m.mutable_data()[n * columns + w] = static_cast<real>(row[static_cast<size_t>(w)]);
  }
  return m;
}

const Primitive kSapeMask{.name = "sape_mask",
                          .forward =
                              [](const Ctx& c) {
                                const auto& grid = c.attr<SapeGrid>();
                                return mask_between(grid_corners(within_grid(c[0]), grid.res), grid);
                              },
                          .vjp = [](const Ctx&, const Tensor&) { return Grads{Tensor()}; },
                          .jvp = [](const Ctx&, int, const Tensor&) { return Tensor(); },
                          .saves = kSaveNothing};

}  // namespace

Tensor within_grid(const Tensor& x) {
  Tensor inside = x.clone();
  for (real& v : std::span(inside.mutable_data(), static_cast<size_t>(inside.numel())))
    v = std::clamp(v, real(-1), real(1));
  return inside;
}

Tensor sape_mask_at(const Tensor& x, const SapeGrid& grid) {
  return apply(kSapeMask, {x.detach()}, Attr::of(grid));
}

GridCorners grid_corners(const Tensor& x, int64 res) {
  if (x.rank() != 2 || x.dim(1) < 1 || x.dim(1) > 3)
    fail<ShapeError>("grid_corners: x {}, expected (N,d) with d <= 3", x.shape().str());
  if (res < 3) fail<UsageError>("grid_corners: res {}, at least 3", res);
  const int64 dim = x.dim(1), corners = int64{1} << dim;
  GridCorners result{IntTensor({x.dim(0), corners}), {}};
  result.weights.reserve(static_cast<size_t>(x.dim(0) * corners));
  for (int64 n = 0; n < x.dim(0); ++n) {
    int64 low[3], high[3];
    double u[3];
    for (int64 j = 0; j < dim; ++j) {
      const double v = static_cast<double>(x.data()[n * dim + j]);
      u[j] = (v + 1) / 2 * static_cast<double>(res - 2) + 0.5;
      const double l = std::floor(u[j]), h = std::ceil(u[j] + 1e-6);
      if (!(l >= 0 && h < static_cast<double>(res)))
        fail<DataError>("grid_corners: coordinate {} of point {} lies off the grid over [-1, 1]", v, n);
      low[j] = static_cast<int64>(l), high[j] = static_cast<int64>(h);
    }
    for (int64 c = 0; c < corners; ++c) {
      int64 cell = 0, stride = 1;
      double weight = 1;
      for (int64 j = 0; j < dim; ++j, stride *= res) {
        const bool upper = (c >> (dim - 1 - j)) & 1;
        cell += (upper ? high[j] : low[j]) * stride;
        weight *= upper ? u[j] - static_cast<double>(low[j]) : static_cast<double>(high[j]) - u[j];
      }
      result.cells.mutable_data()[n * corners + c] = cell;
      result.weights.push_back(weight);
    }
  }
  return result;
}

SapeMask::SapeMask(int64 dim, int64 res, int64 columns, int64 block, double epsilon)
    : cur(block),
      next(2 * block),
      dim_(dim),
      res_(res),
      cells_(1),
      columns_(columns),
      block_(block),
      epsilon_(epsilon) {
  if (dim < 1 || dim > 3 || res < 3 || res > 1000 || block < 1 || columns < block)
    fail<UsageError>("sape: a grid of {}^{} cells with {} channels in blocks of {}", res, dim, columns,
                     block);
  for (int64 j = 0; j < dim; ++j) cells_ *= res;
  const size_t cells = static_cast<size_t>(cells_);
  mask.assign(cells * static_cast<size_t>(columns), 0);
  for (int64 c = 0; c < cells_; ++c) std::fill_n(mask.begin() + c * columns, block, 1.0);
  log.assign(cells, 0);
  count.assign(cells, 0);
  in_progress.assign(cells, 1);
}

// The mean over the k^d neighbourhood, axis by axis.
std::vector<double> SapeMask::blurred(const std::vector<double>& values, int64 width) const {
  const int64 reach = cells_ > 100 ? 2 : 1;
  std::vector<double> from = values, to(values.size());
  int64 stride = 1;
  for (int64 j = 0; j < dim_; ++j, stride *= res_) {
    std::fill(to.begin(), to.end(), 0.0);
    for (int64 cell = 0; cell < cells_; ++cell) {
      const int64 i = cell / stride % res_;
      for (int64 k = -reach; k <= reach; ++k) {
        const int64 other = cell + (std::clamp(i + k, int64{0}, res_ - 1) - i) * stride;
        for (int64 w = 0; w < width; ++w)
          to[static_cast<size_t>(cell * width + w)] += from[static_cast<size_t>(other * width + w)];
      }
    }
    for (double& v : to) v /= static_cast<double>(2 * reach + 1);
    std::swap(from, to);
  }
  return from;
}

Tensor SapeMask::at(const GridCorners& corners) const { return mask_between(corners, grid()); }

SapeGrid SapeMask::grid() const { return {res_, columns_, blurred(mask, columns_)}; }

void SapeMask::record(const GridCorners& corners, const Tensor& losses) {
  const int64 around = corners.cells.dim(1);
  if (losses.numel() != corners.cells.dim(0))
    fail<ShapeError>("sape: {} losses of {} points", losses.numel(), corners.cells.dim(0));
  for (int64 c = 0; c < corners.cells.numel(); ++c) {
    const size_t cell = static_cast<size_t>(corners.cells[c]);
    const double weight = corners.weights[static_cast<size_t>(c)];
    log[cell] += static_cast<double>(losses.data()[c / around]) * weight;
    count[cell] += weight;
  }
}

std::vector<double> SapeMask::update() {
  std::vector<double> r(log.size());
  for (size_t c = 0; c < r.size(); ++c) r[c] = count[c] != 0 ? log[c] / count[c] : 0;
  // An empty cell adds nothing to its own neighbourhood, so the whole sum is that without the centre.
  const double size = std::pow(cells_ > 100 ? 5.0 : 3.0, static_cast<double>(dim_));
  const std::vector<double> around = blurred(r, 1);
  for (size_t c = 0; c < r.size(); ++c)
    if (count[c] == 0) r[c] = around[c] * size / (size - 1);
  r = blurred(r, 1);
  for (size_t c = 0; c < r.size(); ++c) {
    in_progress[c] = in_progress[c] && r[c] > epsilon_;
    const size_t row = c * static_cast<size_t>(columns_);
    for (int64 w = cur; in_progress[c] && w < std::min(next, columns_); ++w)
      mask[row + static_cast<size_t>(w)] = 1;
  }
  cur = next;
  next += block_;
  if (columns_ - next < block_) next = columns_;
  std::fill(log.begin(), log.end(), 0.0);
  std::fill(count.begin(), count.end(), 0.0);
  return r;
}

int64 sape_period(int64 dim, int64 columns, int64 num_iterations) {
  const int64 blocks = std::max<int64>((columns - dim) / dim, 1);
  return std::max<int64>(num_iterations / (2 * blocks), 1);
}

}  // namespace gradus
