#include "nn/layers/recurrent.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/recurrent.h"
#include "autograd/ops/shape_ops.h"
#include "nn/batch_part.h"

namespace gradus {
namespace {

void check_sizes(const char* layer, int64 in, int64 hidden) {
  if (in < 1 || hidden < 1) fail<UsageError>("{}({}, {}): sizes must be at least 1", layer, in, hidden);
}

Init recurrent_init(int64 hidden) { return init::torch_bias(hidden); }

Tensor or_zeros(const Tensor& t, int64 n, int64 hidden) {
  return t.defined() ? t : Tensor::zeros({n, hidden});
}

LSTMCell::State lstm_state(const Tensor& gates, const Tensor& c) {
  const auto [h, next] = lstm_step(gates, c);
  return {h, next};
}

}  // namespace

LSTMCell::LSTMCell(int64 in, int64 hidden) : in_(in), hidden_(hidden) {
  check_sizes("LSTMCell", in, hidden);
  const Init draw = recurrent_init(hidden);
  weight_ih = parameter("weight_ih", ParamKind::kWeight, {4 * hidden, in}, draw);
  weight_hh = parameter("weight_hh", ParamKind::kWeight, {4 * hidden, hidden}, draw);
  bias_ih = parameter("bias_ih", ParamKind::kBias, {4 * hidden}, draw);
  bias_hh = parameter("bias_hh", ParamKind::kBias, {4 * hidden}, draw);
}

LSTMCell::State LSTMCell::step(const Tensor& x, const State& state) {
  State next;
  call(x, [&] {
    const Tensor h = or_zeros(state.h, x.dim(0), hidden_), c = or_zeros(state.c, x.dim(0), hidden_);
    next = lstm_state(linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh), c);
    return next.h;
  });
  return next;
}

std::string LSTMCell::describe() const { return fmt::format("LSTMCell({}, {})", in_, hidden_); }

GRUCell::GRUCell(int64 in, int64 hidden) : in_(in), hidden_(hidden) {
  check_sizes("GRUCell", in, hidden);
  const Init draw = recurrent_init(hidden);
  weight_ih = parameter("weight_ih", ParamKind::kWeight, {3 * hidden, in}, draw);
  weight_hh = parameter("weight_hh", ParamKind::kWeight, {3 * hidden, hidden}, draw);
  bias_ih = parameter("bias_ih", ParamKind::kBias, {3 * hidden}, draw);
  bias_hh = parameter("bias_hh", ParamKind::kBias, {3 * hidden}, draw);
}

Tensor GRUCell::step(const Tensor& x, const Tensor& state) {
  return call(x, [&] {
    const Tensor h = or_zeros(state, x.dim(0), hidden_);
    const std::vector<int64> thirds(3, hidden_);
    const std::vector<Tensor> a = split(linear(x, weight_ih, bias_ih), 1, thirds);
    const std::vector<Tensor> b = split(linear(h, weight_hh, bias_hh), 1, thirds);
    const Tensor r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), n = tanh(a[2] + r * b[2]);
    return n + z * (h - n);
  });
}

std::string GRUCell::describe() const { return fmt::format("GRUCell({}, {})", in_, hidden_); }

LSTM::LSTM(int64 in, int64 hidden, int64 layers, double dropout)
    : in_(in), hidden_(hidden), dropout_(dropout) {
  check_sizes("LSTM", in, hidden);
  const Init draw = recurrent_init(hidden);
  for (int64 l = 0; l < layers; ++l) {
    const auto name = [&](const char* what) { return fmt::format("{}_l{}", what, l); };
    Layer layer;
    layer.weight_ih = parameter(name("weight_ih"), ParamKind::kWeight, {4 * hidden, l ? hidden : in}, draw);
    layer.weight_hh = parameter(name("weight_hh"), ParamKind::kWeight, {4 * hidden, hidden}, draw);
    layer.bias_ih = parameter(name("bias_ih"), ParamKind::kBias, {4 * hidden}, draw);
    layer.bias_hh = parameter(name("bias_hh"), ParamKind::kBias, {4 * hidden}, draw);
    layers_.push_back(std::move(layer));
  }
}

Tensor LSTM::run_from(const Tensor& x, State& state) {
  if (x.rank() != 3 || x.dim(2) != in_)
    fail<ShapeError>("LSTM: needs (N,T,{}), got {}", in_, x.shape().str());
  const int64 n = x.dim(0), steps = x.dim(1);
  state.resize(layers_.size());
  Tensor sequence = transpose(x, 0, 1);  // (T,N,...), so that one time is contiguous
  for (size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    if (l > 0 && training() && dropout_ > 0) sequence = dropout_of_batch(sequence, dropout_, run(), 1);
    const LSTMCell::State now{or_zeros(state[l].h, n, hidden_), or_zeros(state[l].c, n, hidden_)};
    const Tensor sums = linear(sequence, layer.weight_ih, layer.bias_ih + layer.bias_hh);  // (T,N,4H)
    const auto row = [&](const Tensor& rows, int64 t) {
      return reshape(slice(rows, 0, t, t + 1), Shape{n, rows.dim(2)});
    };
    if (steps == 1) {  // as when a text is written: packing the weight for one product does not pay
      state[l] = lstm_state(row(sums, 0) + linear(now.h, layer.weight_hh), now.c);
      sequence = reshape(state[l].h, Shape{1, n, hidden_});
    } else {
      const Tensor y = lstm(sums, layer.weight_hh, now.h, now.c);
      sequence = slice(y, 0, 0, steps);
      state[l] = {row(y, steps - 1), row(y, steps)};
    }
  }
  return transpose(sequence, 0, 1);
}

std::string LSTM::describe() const {
  return fmt::format("LSTM({}, {}, layers={})", in_, hidden_, layers_.size());
}

int64 LSTM::flops(const Shape& input, const Shape&) const {
  const int64 tokens = input[0] * input[1], deeper = static_cast<int64>(layers_.size()) - 1;
  return tokens * 8 * hidden_ * (in_ + hidden_ + deeper * 2 * hidden_);
}

}  // namespace gradus
