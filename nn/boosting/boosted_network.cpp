#include "nn/boosting/boosted_network.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/dense_network.h"

namespace gradus {
namespace {

constexpr std::pair<BoostingLoss, const char*> kBoostingLosses[] = {
    {BoostingLoss::kSquared, "squared"},
    {BoostingLoss::kBinary, "binary"},
    {BoostingLoss::kMulticlass, "multiclass"}};

void check_targets(BoostingLoss loss, const Tensor& y) {
  const int rank = loss == BoostingLoss::kMulticlass ? 2 : 1;
  if (y.rank() != rank && !(loss == BoostingLoss::kSquared && y.rank() == 2))
    fail<ShapeError>("boosting: targets of shape {}, expected {}", y.shape().str(),
                     rank == 2 ? "(N,K)" : "(N)");
  if (y.numel() == 0) fail<DataError>("boosting: there are no points");
}

void check_same(const Tensor& y, const Tensor& raw, const char* what) {
  if (!(y.shape() == raw.shape()))
    fail<ShapeError>("boosting: targets of shape {}, {} of {}", y.shape().str(), what, raw.shape().str());
}

}  // namespace

BoostingLoss boosting_loss(const std::string& name) {
  for (const auto& [loss, word] : kBoostingLosses)
    if (name == word) return loss;
  fail<UsageError>("unknown boosting loss '{}'; there are {}", name, boosting_loss_choices().str());
}

Limits boosting_loss_choices() {
  std::vector<std::string> words;
  for (const auto& entry : kBoostingLosses) words.emplace_back(entry.second);
  return choices(words);
}

Tensor boosting_start(BoostingLoss loss, const Tensor& y) {
  check_targets(loss, y);
  const Recording off(false);
  if (loss == BoostingLoss::kMulticlass) return Tensor::zeros({y.dim(1)});
  if (y.rank() == 2) return mean(y, {0});
  double total = 0;
  for (const real v : y.span()) {
    if (loss == BoostingLoss::kBinary && v != 1 && v != -1)
      fail<DataError>("boosting: a binary target of {}; they are -1 and 1", v);
    total += static_cast<double>(v);
  }
  const double average = total / static_cast<double>(y.numel());
  if (loss == BoostingLoss::kSquared) return Tensor::full({1}, static_cast<real>(average));
  if (std::abs(average) == 1) fail<DataError>("boosting: all targets are {}", average);
  return Tensor::full({1}, static_cast<real>(std::atanh(average)));
}

Tensor boosting_residuals(BoostingLoss loss, const Tensor& y, const Tensor& raw) {
  check_targets(loss, y);
  check_same(y, raw, "raw predictions");
  const Recording off(false);
  switch (loss) {
    case BoostingLoss::kSquared:
      return y - raw;
    case BoostingLoss::kBinary:
      return real(2) * y * sigmoid(real(-2) * y * raw);
    case BoostingLoss::kMulticlass:
      return y - softmax(raw);
  }
  fail<Error>("boosting: unknown loss");
}

Tensor boosting_prediction(BoostingLoss loss, const Tensor& raw) {
  const Recording off(false);
  switch (loss) {
    case BoostingLoss::kSquared:
      return raw;
    case BoostingLoss::kBinary:
      return sigmoid(real(2) * raw);
    case BoostingLoss::kMulticlass:
      return softmax(raw);
  }
  fail<Error>("boosting: unknown loss");
}

double boosting_newton_step(BoostingLoss loss, const Tensor& y, const Tensor& raw, const Tensor& f) {
  check_same(y, f, "predictions");
  if (loss == BoostingLoss::kSquared) return 1;
  const Tensor r = boosting_residuals(loss, y, raw);
  double up = 0, down = 0;
  for (int64 i = 0; i < y.numel(); ++i) {
    const double ri = static_cast<double>(r.data()[i]), fi = static_cast<double>(f.data()[i]),
                 yi = static_cast<double>(y.data()[i]);
    const double p = yi - ri;
    up += ri * fi;
    down += fi * fi * (loss == BoostingLoss::kBinary ? ri * (2 * yi - ri) : p * (1 - p));
  }
  constexpr double kLeast = 1e-12;
  return std::abs(down) < kLeast ? 0 : up / down;
}

Tensor block_output(std::span<const Tensor> w_b_v_c, const Activation& act, const Tensor& x) {
  if (w_b_v_c.size() != 4) fail<ShapeError>("boosted block: {} tensors, not W, b, V, c", w_b_v_c.size());
  return dense_network(w_b_v_c, act, x);
}

Tensor block_objective(std::span<const Tensor> w_b_v_c, const Activation& act, const Tensor& x,
                       const Tensor& residuals, double alpha) {
  const Tensor f = block_output(w_b_v_c, act, x);
  check_same(residuals, f, "block outputs");
  const real points = static_cast<real>(x.dim(0));
  const Tensor squares = sum(square(w_b_v_c[0])) + sum(square(w_b_v_c[2]));
  return (sum(square(residuals - f)) + static_cast<real>(alpha) * squares) / (real(2) * points);
}

double BoostedNetwork::add(BoostedBlock block, const Tensor& x, const Tensor& y, Tensor& raw, double eta) {
  const Recording off(false);
  const Tensor f = block_output(
      std::vector{block.hidden_weight, block.hidden_bias, block.output_weight, block.output_bias}, *act_, x);
  if (f.dim(1) != start_.numel())
    fail<ShapeError>("boosted network: a block with {} outputs, the network has {}", f.dim(1),
                     start_.numel());
  const double step = eta * boosting_newton_step(loss_, y, raw, f.view(y.shape()));
  raw = raw + f.view(y.shape()) * static_cast<real>(step);
  blocks_.push_back(std::move(block));
  steps_.push_back(step);
  return step;
}

int64 BoostedNetwork::checked(int64 stages) const {
  if (stages > this->stages()) fail<UsageError>("boosted network: stage {} of {}", stages, this->stages());
  return stages < 0 ? this->stages() : stages;
}

BoostedBlock BoostedNetwork::merged(int64 stages) const {
  const auto count = static_cast<size_t>(checked(stages));
  const Recording off(false);
  // sigmoid of the usual logit is 1/(1 + exp(-2F)).
  const real unit = loss_ == BoostingLoss::kBinary ? 2 : 1;
  std::vector<Tensor> hidden, bias, output;
  Tensor constant = start_ * unit;
  for (size_t t = 0; t < count; ++t) {
    const BoostedBlock& b = blocks_[t];
    const real step = static_cast<real>(steps_[t]) * unit;
    hidden.push_back(b.hidden_weight);
    bias.push_back(b.hidden_bias);
    output.push_back(b.output_weight * step);
    constant = constant + b.output_bias * step;
  }
  if (count == 0) fail<UsageError>("boosted network: no block to merge");
  return {concat(hidden, 0), concat(bias, 0), concat(output, 1), constant};
}

Tensor BoostedNetwork::raw(const Tensor& x, int64 stages) const {
  const auto count = static_cast<size_t>(checked(stages));
  const Recording off(false);
  Tensor total = broadcast_to(reshape(start_, Shape{1, start_.numel()}), Shape{x.dim(0), start_.numel()});
  for (size_t t = 0; t < count; ++t) {
    const BoostedBlock& b = blocks_[t];
    total = total + block_output(std::vector{b.hidden_weight, b.hidden_bias, b.output_weight, b.output_bias},
                                 *act_, x) *
                        static_cast<real>(steps_[t]);
  }
  return total;
}

}  // namespace gradus
