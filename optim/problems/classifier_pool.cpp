#include "optim/problems/classifier_pool.h"

#include <algorithm>

#include "autograd/functional/flat.h"
#include "autograd/functional/per_sample.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"

namespace gradus {

ClassifierPool::ClassifierPool(Logits logits, Tensors like, Tensor x, IntTensor labels)
    : logits_(std::move(logits)), like_(std::move(like)), all_{std::move(x), std::move(labels)} {
  if (all_.x.rank() != 2 || all_.x.dim(0) != all_.labels.numel() || all_.labels.numel() == 0)
    fail<ShapeError>("classifier pool: examples {}, labels {}", all_.x.shape().str(),
                     all_.labels.shape().str());
}

Tensors ClassifierPool::parameters(std::span<const double> theta) const {
  Tensor flat({std::ssize(theta)});
  std::transform(theta.begin(), theta.end(), flat.mutable_data(),
                 [](double v) { return static_cast<real>(v); });
  return unflatten(flat, like_);
}

ClassifierPool::Rows ClassifierPool::rows(std::span<const int64> index) const {
  if (index.empty()) return all_;
  const int64 n = std::ssize(index), d = all_.x.dim(1);
  Rows chosen{Tensor({n, d}), IntTensor(Shape{n})};
  for (int64 k = 0; k < n; ++k) {
    const int64 i = index[static_cast<size_t>(k)];
    std::copy_n(all_.x.data() + i * d, d, chosen.x.mutable_data() + k * d);
    chosen.labels.mutable_data()[k] = all_.labels[i];
  }
  return chosen;
}

double ClassifierPool::loss(std::span<const double> theta, std::span<const int64> index) const {
  const Recording off(false);
  const Rows at = rows(index);
  return static_cast<double>(cross_entropy(logits_(parameters(theta), at.x), at.labels).item());
}

std::vector<double> ClassifierPool::gradient(std::span<const double> theta,
                                             std::span<const int64> index) const {
  const Rows at = rows(index);
  const Function f = [&](std::span<const Tensor> p) { return cross_entropy(logits_(p, at.x), at.labels); };
  const Tensor flat = flatten_all(value_and_grad(f, parameters(theta)).grads);
  return {flat.data(), flat.data() + flat.numel()};
}

double ClassifierPool::mean_square_gradient(std::span<const double> theta) const {
  Tensors at = parameters(theta);
  for (Tensor& p : at) p = variable(p);
  const SampleLosses losses = [&](int64 begin, int64 end) {
    // By rows, so that each loss follows from its own example.
    const Tensor x = all_.x.rows(begin, end);
    return cross_entropy(logits_(at, x), all_.labels.rows(begin, end), Reduction::kNone);
  };
  double sum = 0;
  for (const Tensor& squared : per_sample_squared_norms(losses, at, size()).squared)
    for (const real v : squared.span()) sum += static_cast<double>(v);
  return sum / static_cast<double>(size());
}

}  // namespace gradus
