// Recurrences: the fused pass keeps gates and cells and multiplies once for all steps where it can; the composite is the loop.
#include "autograd/ops/recurrent.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/families.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/kernels/lstm.h"

namespace gradus {
namespace {

Tensor lstm_composite(const Ctx& c) {
  const int64 steps = c[0].dim(0), n = c[0].dim(1), width = c[0].dim(2);
  Tensor h = c[2], cells = c[3];
  std::vector<Tensor> out;
  for (int64 t = 0; t < steps; ++t) {
    const Tensor from_input = reshape(slice(c[0], 0, t, t + 1), Shape{n, width});
    std::tie(h, cells) = lstm_step(from_input + linear(h, c[1]), cells);
    out.push_back(h);
  }
  out.push_back(cells);
  return stack(out, 0);
}

const Primitive kLstm{.name = "lstm",
                      .forward =
                          [](const Ctx& c) {
                            if (!c.recording()) return kernels::lstm(c[0], c[1], c[2], c[3]);
                            Tensor gates, cells;
                            Tensor y = kernels::lstm(c[0], c[1], c[2], c[3], &gates, &cells);
                            c.keep(gates);
                            c.keep(cells);
                            return y;
                          },
                      .vjp =
                          [](const Ctx& c, const Tensor& g) {
                            const auto d =
                                kernels::lstm_grad(g, c[1], c[2], c[3], c.out(), c.kept(0), c.kept(1));
                            return Grads{d.dx, d.dw, d.dh, d.dc};
                          },
                      .composite = lstm_composite,
                      .saves = kSaveInputs | kSaveOutput};

}  // namespace

std::pair<Tensor, Tensor> lstm_step(const Tensor& gates, const Tensor& c) {
  const std::vector<int64> quarters(4, c.dim(1));
  const std::vector<Tensor> part = split(gates, 1, quarters);
  const Tensor next = sigmoid(part[1]) * c + sigmoid(part[0]) * tanh(part[2]);
  return {sigmoid(part[3]) * tanh(next), next};
}

Tensor lstm(const Tensor& x, const Tensor& w, const Tensor& h, const Tensor& c) {
  if (x.rank() != 3 || w.rank() != 2 || x.dim(0) < 1 || w.dim(1) < 1 || w.dim(0) != 4 * w.dim(1) ||
      x.dim(2) != w.dim(0) || !(h.shape() == Shape{x.dim(1), w.dim(1)}) || !(c.shape() == h.shape()))
    fail<ShapeError>("lstm: x {} with weight {}, h {} and c {}: needs (T,N,4H), (4H,H), (N,H), (N,H)",
                     x.shape().str(), w.shape().str(), h.shape().str(), c.shape().str());
  return apply(kLstm, {x, w, h, c});
}

PrimitiveList recurrent_primitives() { return {&kLstm}; }

}  // namespace gradus
