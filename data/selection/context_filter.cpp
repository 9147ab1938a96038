#include "data/selection/context_filter.h"

#include <cmath>

namespace gradus {

bool ContextFilter::offer(double q) {
  if (done()) fail<DataError>("context filter: all {} batches are whole", o_.max_batches);
  if (std::isnan(q)) fail<DataError>("context filter: a predicted gain is NaN");
  if (q < threshold()) return false;
  if (++members_ == o_.batch_size) members_ = 0, ++batches_;
  return true;
}

}  // namespace gradus
