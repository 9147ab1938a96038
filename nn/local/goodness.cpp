#include "nn/local/goodness.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor goodness(const Tensor& a, int64 units_per_class) {
  if (a.rank() == 4) return mean(square(a), {2, 3});
  if (a.rank() != 2 || units_per_class < 1 || a.dim(1) % units_per_class)
    fail<ShapeError>("goodness: of shape {}, expected (N,C,H,W) or (N,C*{})", a.shape().str(),
                     units_per_class);
  const int64 classes = a.dim(1) / units_per_class;
  return mean(reshape(square(a), Shape{a.dim(0), classes, units_per_class}), {2});
}

Tensor goodness_loss(const Tensor& goodness, const IntTensor& labels, const GoodnessOptions& o) {
  if (goodness.rank() != 2 || labels.rank() != 1 || labels.dim(0) != goodness.dim(0))
    fail<ShapeError>("goodness loss: goodness of shape {}, labels of {}", goodness.shape().str(),
                     labels.shape().str());
  if (o.loss == "ce") return cross_entropy(goodness * static_cast<real>(o.scale), labels);
  const int64 samples = goodness.dim(0), classes = goodness.dim(1);
  // softplus(sign*(G - tau)) of every class, the negatives as a mean.
  Tensor sign = Tensor::ones(goodness.shape());
  Tensor weight = Tensor::full(goodness.shape(), classes > 1 ? real(1) / static_cast<real>(classes - 1) : 0);
  real *signs = sign.mutable_data(), *weights = weight.mutable_data();
  for (int64 n = 0; n < samples; ++n) {
    const int64 y = labels[n];
    if (y < 0 || y >= classes) fail<DataError>("goodness loss: label {} of {} classes", y, classes);
    signs[n * classes + y] = -1;
    weights[n * classes + y] = 1;
  }
  return sum(weight * softplus(sign * (goodness - static_cast<real>(o.tau)))) / static_cast<real>(samples);
}

Tensor goodness_scores(const Tensor& goodness, const VoteOptions& o) {
  if (goodness.rank() != 3 || goodness.dim(0) < 1)
    fail<ShapeError>("goodness scores: of shape {}, expected (blocks,N,C)", goodness.shape().str());
  const int64 blocks = goodness.dim(0);
  const Tensor votes = o.vote == "last" ? slice(goodness, 0, blocks - 1, blocks) : goodness;
  return mean(o.normalize ? softmax(votes) : votes, {0});
}

}  // namespace gradus
