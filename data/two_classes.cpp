#include "data/two_classes.h"

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

TwoClasses two_classes(const Dataset& set, const TwoClassesOptions& o) {
  const int64 pixels = set.info().example.numel(), classes = set.info().classes;
  if (set.info().kind == DataKind::kText || std::max(o.first, o.second) >= classes || o.first == o.second)
    fail<UsageError>("two classes: {} has no classes {} and {}", set.info().name, o.first, o.second);
  if (o.components < 1 || o.components > pixels)
    fail<UsageError>("two classes: {} components of {} numbers", o.components, pixels);
  std::vector<int64> chosen;
  for (int64 i = 0; i < set.size() && static_cast<int64>(chosen.size()) < o.most; ++i)
    if (set.label(i) == o.first || set.label(i) == o.second) chosen.push_back(i);
  const int64 n = static_cast<int64>(chosen.size());
  if (n < 2)
    fail<UsageError>("two classes: {} examples of {} and {} in {}", n, o.first, o.second, set.info().name);

  Tensor x({n, pixels}), signs({n});
  real* rows = x.mutable_data();
  std::vector<double> mean(static_cast<size_t>(pixels), 0.0);
  for (int64 i = 0; i < n; ++i) {
    set.read_reals(chosen[static_cast<size_t>(i)], rows + i * pixels);
    signs.mutable_data()[i] = set.label(chosen[static_cast<size_t>(i)]) == o.first ? real{1} : real{-1};
    for (int64 j = 0; j < pixels; ++j) mean[static_cast<size_t>(j)] += double(rows[i * pixels + j]);
  }
  for (int64 i = 0; i < n; ++i)
    for (int64 j = 0; j < pixels; ++j)
      rows[i * pixels + j] -= static_cast<real>(mean[static_cast<size_t>(j)] / static_cast<double>(n));
  Tensor covariance({pixels, pixels});
  linalg::matmul_into(covariance, 0, 1 / static_cast<double>(n), x, x, true);
  const linalg::Eigen eigen = linalg::eigh(covariance);
  const double largest = double(eigen.values.data()[pixels - 1]);
  if (!(largest > 0)) fail<UsageError>("two classes: the examples of {} are all the same", set.info().name);
  Tensor directions({pixels, o.components});  // the largest first
  for (int64 i = 0; i < pixels; ++i)
    for (int64 j = 0; j < o.components; ++j)
      directions.mutable_data()[i * o.components + j] =
          static_cast<real>(double(eigen.vectors.data()[i * pixels + pixels - 1 - j]) / std::sqrt(largest));
  return {linalg::matmul(x, directions), signs};
}

}  // namespace gradus
