#include "nn/continual/prototypes.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {

Tensor normalised_rows(const Tensor& x) {
  if (x.rank() != 2) fail<ShapeError>("normalised rows: a tensor of shape {}", x.shape().str());
  return x * reciprocal_or_zero(norm(x, {1}, true));
}

CalibratedPrototypes calibrate_prototypes(const Tensor& shots, const Tensor& base,
                                          const CalibrationOptions& o) {
  if (shots.rank() != 3 || base.rank() != 2 || shots.dim(2) != base.dim(1) || shots.dim(1) < 1 ||
      base.dim(0) < 1)
    fail<ShapeError>("prototypes: shots {} beside base prototypes {}", shots.shape().str(),
                     base.shape().str());
  const Recording off(false);
  CalibratedPrototypes out;
  const Tensor b = normalised_rows(base);
  out.prototypes = normalised_rows(mean(shots, {1}));
  out.attention = softmax(matmul(out.prototypes, b, false, true) * static_cast<real>(o.tau));
  const Tensor q = normalised_rows(matmul(out.attention, b));
  out.calibrated = out.prototypes * static_cast<real>(1 - o.shift) + q * static_cast<real>(o.shift);
  return out;
}

Tensor softmax_entropy(const Tensor& logits) {
  if (logits.rank() != 2) fail<ShapeError>("entropy: logits of shape {}", logits.shape().str());
  return -sum(softmax(logits) * log_softmax(logits), {1});
}

IntTensor reliable_rows(const Tensor& entropy, int64 classes, double e0_factor) {
  const double most = e0_factor * std::log(static_cast<double>(classes));
  IntTensor keep(entropy.shape());
  std::transform(entropy.data(), entropy.data() + entropy.numel(), keep.mutable_data(),
                 [most](real h) { return static_cast<int64>(static_cast<double>(h) < most); });
  return keep;
}

Tensor mean_of_kept(const Tensor& entropy, const IntTensor& keep) {
  if (keep.shape() != entropy.shape())
    fail<ShapeError>("entropy: marks {} for entropies {}", keep.shape().str(), entropy.shape().str());
  Tensor mask(entropy.shape());
  int64 count = 0;
  for (int64 i = 0; i < keep.numel(); ++i) {
    mask.mutable_data()[i] = static_cast<real>(keep[i] != 0);
    count += keep[i] != 0;
  }
  return sum(masked(entropy, mask)) / static_cast<real>(std::max<int64>(1, count));
}

}  // namespace gradus
