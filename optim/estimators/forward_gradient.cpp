#include "optim/estimators/forward_gradient.h"

#include <cmath>

#include "core/error.h"
#include "core/quick_normals.h"
#include "optim/elements.h"

namespace gradus {

std::vector<Tensor> draw_direction(std::span<const Tensor> like, const std::string& distribution,
                                   const Rng& rng) {
  std::vector<Tensor> v;
  for (size_t i = 0; i < like.size(); ++i) {
    Rng own = rng.fork(i);
    v.push_back(distribution == "rademacher" ? own.rademacher_tensor(like[i].shape())
                                             : quick_normal_tensor(own, like[i].shape()));
  }
  return v;
}

namespace {

// The loss and its derivatives along the directions.
ForwardGradient along(const Function& f, std::span<const Tensor> xs,
                      std::span<const std::vector<Tensor>> directions) {
  if (directions.empty()) fail<UsageError>("forward gradient: there is no direction");
  ForwardGradient out;
  for (const std::vector<Tensor>& v : directions) {
    const Jvp at = jvp(f, xs, v);
    if (at.value.numel() != 1)
      fail<ShapeError>("forward gradient: the function gave shape {}, not one number",
                       at.value.shape().str());
    out.loss = static_cast<double>(at.value.item());
    out.derivatives.push_back(static_cast<double>(at.tangent.item()));
  }
  return out;
}

// What direction k counts in the mean: ONE number for all parameters, a derivative a tensor would be another estimator.
real share(const ForwardGradient& at, size_t k) {
  return static_cast<real>(at.derivatives[k] / static_cast<double>(at.derivatives.size()));
}

}  // namespace

ForwardGradient forward_gradient(const Function& f, std::span<const Tensor> xs,
                                 std::span<const std::vector<Tensor>> directions) {
  ForwardGradient out = along(f, xs, directions);
  for (size_t i = 0; i < xs.size(); ++i) {
    Tensor& grad = out.grads.emplace_back(xs[i].shape());
    for (size_t k = 0; k < directions.size(); ++k) {
      const real c = share(out, k);
      if (k == 0)
        for_each_element(grad, directions[k][i], [c](real& g, real v) { g = c * v; });
      else
        for_each_element(grad, directions[k][i], [c](real& g, real v) { g += c * v; });
    }
  }
  return out;
}

double ForwardDescent::step(const Function& f, std::span<Tensor> xs,
                            std::span<const std::vector<Tensor>> directions, int64 t) const {
  const ForwardGradient at = along(f, xs, directions);
  const real rate = static_cast<real>(lr * std::exp(-static_cast<double>(t) * lr_decay));
  // One pass a direction; the gradient itself is never stored.
  for (size_t k = 0; k < directions.size(); ++k)
    for (size_t i = 0; i < xs.size(); ++i)
      for_each_element(xs[i], directions[k][i],
                       [rate, c = share(at, k)](real& x, real v) { x -= rate * (c * v); });
  return at.loss;
}

}  // namespace gradus
