#include "optim/bilevel/inner_loop.h"

#include "autograd/ops/elementwise.h"

namespace gradus {

Tensors inner_descent(const InnerLoss& loss, std::span<const Tensor> fast, int64 steps,
                      const InnerLoop& options) {
  Tensors w(fast.begin(), fast.end());
  const bool through = recording() && options.second_order;
  for (int64 k = 0; k < steps; ++k) {
    const Tensors grads = value_and_grad([&](std::span<const Tensor> at) { return loss(at, k); }, w,
                                         {.create_graph = through, .allow_unused = true})
                              .grads;
    for (size_t i = 0; i < w.size(); ++i) {
      Tensor g = through ? grads[i] : stop_gradient(grads[i]);
      if (options.grad_clip > 0)
        g = clamp(g, static_cast<real>(-options.grad_clip), static_cast<real>(options.grad_clip));
      w[i] = w[i] - g * static_cast<real>(options.lr);
    }
  }
  return w;
}

}  // namespace gradus
