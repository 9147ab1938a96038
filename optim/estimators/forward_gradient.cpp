#include "optim/estimators/forward_gradient.h"

#include <cmath>

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

std::vector<Tensor> draw_direction(std::span<const Tensor> like, const std::string& distribution,
                                   const Rng& rng) {
  std::vector<Tensor> v;
  for (size_t i = 0; i < like.size(); ++i) {
    Rng own = rng.fork(i);
    v.push_back(distribution == "rademacher" ? own.rademacher_tensor(like[i].shape())
                                             : own.normal_tensor(like[i].shape()));
  }
  return v;
}

ForwardGradient forward_gradient(const Function& f, std::span<const Tensor> xs,
                                 std::span<const std::vector<Tensor>> directions) {
  if (directions.empty()) fail<UsageError>("forward gradient: there is no direction");
  ForwardGradient out;
  for (const std::vector<Tensor>& v : directions) {
    const Jvp at = jvp(f, xs, v);
    if (at.value.numel() != 1)
      fail<ShapeError>("forward gradient: the function gave shape {}, not one number",
                       at.value.shape().str());
    const double d = static_cast<double>(at.tangent.item());
    out.loss = static_cast<double>(at.value.item());
    out.derivatives.push_back(d);
    // ONE number for all parameters: a derivative a tensor would be another estimator.
    const real c = static_cast<real>(d / static_cast<double>(directions.size()));
    const bool first = out.grads.empty();
    for (size_t i = 0; i < xs.size(); ++i) {
      if (first) {
        out.grads.emplace_back(xs[i].shape());
        for_each_element(out.grads[i], v[i], [c](real& g, real vi) { g = c * vi; });
      } else {
        for_each_element(out.grads[i], v[i], [c](real& g, real vi) { g += c * vi; });
      }
    }
  }
  return out;
}

double ForwardDescent::step(const Function& f, std::span<Tensor> xs,
                            std::span<const std::vector<Tensor>> directions, int64 t) const {
  const ForwardGradient at = forward_gradient(f, xs, directions);
  const real rate = static_cast<real>(lr * std::exp(-static_cast<double>(t) * lr_decay));
  for (size_t i = 0; i < xs.size(); ++i)
    for_each_element(xs[i], std::as_const(at.grads[i]), [rate](real& x, real g) { x -= rate * g; });
  return at.loss;
}

}  // namespace gradus
