#include "apps/papers/testtime/unit_images.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace gradus {

PooledImages unit_images(const Dataset& set, int64 count, int64 window) {
  std::vector<int64> chosen(static_cast<size_t>(std::min(count, set.size())));
  std::iota(chosen.begin(), chosen.end(), int64{0});
  PooledImages images = pooled_images(set, chosen, window);
  const auto [low, high] = std::minmax_element(images.x.span().begin(), images.x.span().end());
  const real from = *low, reach = *high - *low;
  real* x = images.x.mutable_data();
  for (int64 i = 0; i < images.x.numel(); ++i) x[i] = (x[i] - from) / reach;
  return images;
}

}  // namespace gradus
