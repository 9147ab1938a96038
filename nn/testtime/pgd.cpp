#include "nn/testtime/pgd.h"

#include <algorithm>

#include "autograd/functional/functional.h"
#include "core/error.h"

namespace gradus {

Attacked pgd_attack(const std::function<Tensor(const Tensor& x)>& loss, const Tensor& x, const Tensor& start,
                    const PgdOptions& options) {
  if (!(x.shape() == start.shape()))
    fail<ShapeError>("pgd_attack: x {}, start {}", x.shape().str(), start.shape().str());
  const real eps = static_cast<real>(options.eps), step = static_cast<real>(options.step_size),
             decay = static_cast<real>(options.momentum_decay);
  const auto in_box = [](real v) { return std::clamp(v, real(0), real(1)); };
  const Function of_input = [&](std::span<const Tensor> in) { return loss(in[0]); };
  Attacked result{Tensor(x.shape()), {}};
  const real* original = x.data();
  for (int64 i = 0; i < x.numel(); ++i)
    result.x.mutable_data()[i] = in_box(original[i] + eps * start.data()[i]);
  Tensor momentum = Tensor::zeros(x.shape());
  for (int64 t = 0; t < options.steps; ++t) {
    const ValueAndGrad at = value_and_grad(of_input, std::vector{result.x});
    result.losses.push_back(static_cast<double>(at.value.item()));
    Tensor moved(x.shape());
    real *m = momentum.mutable_data(), *to = moved.mutable_data();
    const real *from = result.x.data(), *g = at.grads[0].data();
    for (int64 i = 0; i < x.numel(); ++i) {
      m[i] = g[i] + decay * m[i];
      const real sign = m[i] > 0 ? real(1) : m[i] < 0 ? real(-1) : real(0);
      to[i] = in_box(original[i] + std::clamp(from[i] + step * sign - original[i], -eps, eps));
    }
    result.x = moved;
  }
  return result;
}

}  // namespace gradus
