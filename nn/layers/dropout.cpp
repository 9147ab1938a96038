#include "nn/layers/dropout.h"

#include "autograd/ops/elementwise.h"
#include "nn/batch_part.h"

namespace gradus {
namespace {

double checked(const char* layer, double p) {
  if (!(p >= 0 && p < 1)) fail<UsageError>("{}: p = {} is out of range: needs 0 <= p < 1", layer, p);
  return p;
}

}  // namespace

Dropout::Dropout(double p) : p_(checked("Dropout", p)) {}

Tensor Dropout::forward(const Input& x) {
  if (!training() || p_ == 0) return x.values();
  return dropout_of_batch(x.values(), p_, run());
}

DropPath::DropPath(double p) : p_(checked("DropPath", p)) {}

Tensor DropPath::forward(const Input& x) {
  const Tensor& v = x.values();
  if (!training() || p_ == 0) return v;
  std::vector<int64> dims(static_cast<size_t>(v.rank()), 1);
  if (!dims.empty()) dims[0] = v.dim(0);
  const Tensor keep = keep_mask(run(), Shape(dims), 1 - p_);
  return v * (keep * static_cast<real>(1 / (1 - p_)));
}

}  // namespace gradus
