#include "nn/control/lipschitz.h"

#include <limits>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr real kLeast = real(1e-6);

Tensor at_least_tiny(const Tensor& t) { return clamp(t, kLeast, std::numeric_limits<real>::max()); }

}  // namespace

Tensor sll_layer(const Tensor& x, const Tensor& W, const Tensor& b, const Tensor& p) {
  if (x.rank() != 2 || W.rank() != 2 || x.dim(1) != W.dim(0) || !(b.shape() == Shape{W.dim(1)}) ||
      !(p.shape() == b.shape()))
    fail<ShapeError>("sll_layer: x {}, W {}, b {}, p {}", x.shape().str(), W.shape().str(), b.shape().str(),
                     p.shape().str());
  const int64 k = W.dim(1);
  const Tensor gram = abs(matmul(W, W, true));  // (k,k)
  const Tensor q = reshape(exp(p), {k, 1});
  const Tensor T = at_least_tiny(reshape(matmul(gram, q) / q, {k}));
  return x - real(2) * matmul(relu(matmul(x, W) + b) / T, W, false, true);
}

Tensor norm_bound(const Tensor& Wo) {
  if (Wo.rank() != 2) fail<ShapeError>("norm_bound: {}, expected a matrix", Wo.shape().str());
  const Tensor size = abs(Wo);
  return at_least_tiny(sqrt(max(sum(size, {0})) * max(sum(size, {1}))));
}

Tensor lipschitz_output(const LipschitzNet& net, const Tensor& features, double lipschitz) {
  if (features.rank() != 2 || net.W.rank() != 3 || features.dim(1) > net.W.dim(1))
    fail<ShapeError>("lipschitz_output: features {}, layers {}", features.shape().str(), net.W.shape().str());
  const int64 width = net.W.dim(1), hidden = net.W.dim(2);
  Tensor x = pad(features, {0, 0}, {0, width - features.dim(1)});
  for (int64 k = 0; k < net.W.dim(0); ++k) {
    const auto layer = [&](const Tensor& t, std::vector<int64> dims) {
      return reshape(slice(t, 0, k, k + 1), dims);
    };
    x = sll_layer(x, layer(net.W, {width, hidden}), layer(net.b, {hidden}), layer(net.p, {hidden}));
  }
  const Tensor scale = sigmoid(net.scale_logit) * static_cast<real>(lipschitz);
  return scale * (matmul(x, net.Wo, false, true) / norm_bound(net.Wo)) + net.c;
}

}  // namespace gradus
