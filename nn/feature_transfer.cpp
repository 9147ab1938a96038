#include "nn/feature_transfer.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr real kSmall = real(1e-8);

// Rows around 0, of length 1. norm's derivative at 0 is 0.
Tensor centred_rows(const Tensor& x) {
  const Tensor centred = x - mean(x, {0}, true);
  return centred / (norm(centred, {1}, true) + kSmall);
}

Tensor kernel_of(const Tensor& rows, const std::string& kind) {
  const Tensor products = matmul(rows, rows, false, true);
  if (kind == "linear") return products;
  const Tensor squares = sum(square(rows), {1}, true);  // (N,1)
  return exp(products * 2 - squares - matmul(Tensor::ones({rows.dim(0), 1}), squares, false, true));
}

Tensor weighted(const Tensor& teacher, const Tensor& scales, const std::string& kind) {
  const int64 D = teacher.dim(1);
  if (kind == "none") return teacher;
  const Shape expected = kind == "diagonal" ? Shape{D} : Shape{D, D};
  if (!scales.defined() || !(scales.shape() == expected))
    fail<ShapeError>("feature transfer: scales {} for {} features of the teacher, needs {}",
                     scales.defined() ? scales.shape().str() : "none", D, expected.str());
  return kind == "diagonal" ? teacher * sigmoid(scales) : matmul(teacher, scales);
}

void check_rows(const Tensor& features, const Tensor& teacher) {
  if (features.rank() != 2 || teacher.rank() != 2 || features.dim(0) != teacher.dim(0) || features.dim(0) < 1)
    fail<ShapeError>("feature transfer: features {} and the teacher's {} are no rows of the same examples",
                     features.shape().str(), teacher.shape().str());
}

}  // namespace

TransferPenalty transfer_penalty(const Tensor& features, const Tensor& teacher, const Tensor& scales,
                                 const TransferOptions& o) {
  check_rows(features, teacher);
  TransferPenalty out;
  out.kernel = kernel_of(centred_rows(features), o.kernel);
  out.teacher_kernel = kernel_of(centred_rows(weighted(teacher, scales, o.scales)), o.kernel);
  out.penalty = sqrt(mean(square(out.kernel - out.teacher_kernel)) + kSmall);
  return out;
}

Tensor feature_distillation(const Tensor& features, const Tensor& teacher, const Tensor& weight,
                            const Tensor& bias, bool kernel) {
  check_rows(features, teacher);
  const Tensor z = linear(features, weight, bias);
  if (kernel) return transfer_penalty(z, teacher, {}, {"linear", "none"}).penalty;
  return mse_loss(z, teacher);
}

}  // namespace gradus
