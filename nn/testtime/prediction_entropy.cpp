#include "nn/testtime/prediction_entropy.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {

Tensor pixel_entropy(const Tensor& logits) {
  if (logits.rank() != 2) fail<ShapeError>("pixel_entropy: logits {}, expected (P,C)", logits.shape().str());
  const Tensor log_p = log_softmax(logits, 1);
  return -sum(exp(log_p) * log_p, {1});
}

Tensor prediction_entropy(const Tensor& logits, const EntropyOptions& options) {
  const Tensor entropy = pixel_entropy(logits);
  if (options.confidence_threshold >= 1) return mean(entropy);
  const Tensor surest = max(softmax(logits.detach(), 1), {1});
  const Tensor counts = less(surest, Tensor::scalar(static_cast<real>(options.confidence_threshold)));
  return sum(masked(entropy, counts)) / std::max(sum(counts).item(), real(1));
}

}  // namespace gradus
