// Which channels of an encoding a region of the domain sees: low frequencies first, and no more where the field fits already.
//
// Paper: Hertz, Perel, Giryes, Sorkine-Hornung, Cohen-Or, "SAPE: Spatially-Adaptive Progressive Encoding for Neural Optimization",
//        NeurIPS 2021, arXiv 2104.09125; as its reference code has it.
//   u = (x+1)/2*max(res-2,1) + 0.5 per axis, lo = floor(u), hi = ceil(u + 1e-6), weights (hi-u, u-lo); cell = sum_j i_j*res^j
//   m(x) = sum over the 2^d corners of weight*blurred[cell], blurred: the mask's mean over k^d cells, k = 5 if res^d > 100 else 3
//   update: r = log/count (empty cells: mean of their neighbours), cell_loss = mean of r over k^d cells
//     in_progress &= cell_loss > epsilon;  mask[in_progress, cur:next] = 1;  cur = next;  next += block (to the end where less
//     than a block is left)
// Neighbourhoods repeat the cells at the border. Departures: losses of all samples of a cell are summed (the reference keeps one of
// them); channels switch on at once, as in the reference, not along a ramp, as in the paper.
#pragma once

#include <vector>

#include "autograd/graph.h"

namespace gradus {

/// The cells around each point. Corner c takes hi on axis j if bit d-1-j of c is 1.
struct GridCorners {
  IntTensor cells;              ///< (N,2^d)
  std::vector<double> weights;  ///< (N,2^d)
};
/// x (N,d) in [-1,1], d <= 3, res >= 3. Throws ShapeError, UsageError, DataError for a point off the grid.
GridCorners grid_corners(const Tensor& x, int64 res);
/// The coordinates held within [-1,1]; no derivatives.
Tensor within_grid(const Tensor& x);

/// A blurred mask, (res^d, columns).
struct SapeGrid {
  int64 res, columns;
  std::vector<double> values;
};
/// m at points x (N,d), those beyond the grid taken to its border: (N,columns), by one primitive, "sape_mask", that has no
/// derivative. Throws as grid_corners does.
Tensor sape_mask_at(const Tensor& x, const SapeGrid& grid);

class SapeMask {
 public:
  /// A grid of res^dim cells with `columns` channels, the first `block` of which are on.
  SapeMask(int64 dim, int64 res, int64 columns, int64 block, double epsilon);

  /// m at points, (N,D); a constant.
  Tensor at(const GridCorners& corners) const;
  /// What m is read from.
  SapeGrid grid() const;
  /// Adds each sample's loss (N) to the cells around it.
  void record(const GridCorners& corners, const Tensor& losses);
  /// Closes the cells that fit, gives the others the next channels, forgets the losses. Returns cell_loss.
  std::vector<double> update();

  int64 cells() const { return cells_; }
  /// The parts of the state, to be read and set.
  std::vector<double> mask;        ///< (cells,D)
  std::vector<double> log, count;  ///< (cells)
  std::vector<char> in_progress;   ///< (cells)
  int64 cur = 0, next = 0;         ///< channels [cur, next) come next

 private:
  std::vector<double> blurred(const std::vector<double>& values, int64 width) const;

  int64 dim_, res_, cells_, columns_, block_;
  double epsilon_;
};

/// Updates are this many iterations apart, so that all channels have been offered after half of `num_iterations`:
/// int(num_iterations/(2*blocks)), blocks = (D-d)/d; at least 1.
int64 sape_period(int64 dim, int64 columns, int64 num_iterations);

}  // namespace gradus
