#include "apps/continual/sparse_perceptron.h"

#include <algorithm>

#include "autograd/grad.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"

namespace gradus {

SparsePerceptron::SparsePerceptron(const Tensor& weight1, const Tensor& weight2,
                                   const SparseActivationOptions& activation,
                                   const ClippedUpdateOptions& update)
    : activation_(activation), update_(std::vector<Tensor>{weight1, weight2}, update) {}

SparsePerceptron::Step SparsePerceptron::step(const LabelledRows& batch) {
  const Recording on(true);
  const Tensor w1 = variable(weight1()), w2 = variable(weight2());
  const Tensor h = sparse_activation(matmul(batch.x, standardised_rows(w1), false, true), activation_);
  const Tensor loss = cross_entropy(matmul(h, w2, false, true), batch.y);
  const std::span<const real> units = h.span();
  const Step before{static_cast<double>(loss.item()),
                    1 - static_cast<double>(std::count(units.begin(), units.end(), real(0))) /
                            static_cast<double>(units.size())};
  update_.step(grad(loss, {w1, w2}));
  return before;
}

Tensor SparsePerceptron::logits(const Tensor& x) const {
  const Recording off(false);
  return matmul(sparse_activation(matmul(x, standardised_rows(weight1()), false, true), activation_),
                weight2(), false, true);
}

}  // namespace gradus
