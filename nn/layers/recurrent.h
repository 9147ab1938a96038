// Recurrent layers, with torch's names, layouts and first values (uniform in +-1/sqrt(hidden)).
#pragma once

#include "nn/module.h"

namespace gradus {

/// Long short-term memory. Hochreiter and Schmidhuber, Neural Computation 1997; with forget gate
/// (Gers et al. 2000).
///   (i, f, g, o) = x W_ih' + b_ih + h W_hh' + b_hh
///   c = sigmoid(f) c + sigmoid(i) tanh(g);   h = sigmoid(o) tanh(c)
/// `weight_ih` (4H, in), `weight_hh` (4H, H), `bias_ih`, `bias_hh` (4H).
class LSTMCell : public Module {
 public:
  struct State {
    Tensor h, c;  // (N,H); undefined: zeros
  };
  LSTMCell(int64 in, int64 hidden);
  /// One step: x (N,in).
  State step(const Tensor& x, const State& state);
  /// h after one step from zeros.
  Tensor forward(const Input& x) override { return step(x.values(), {}).h; }
  std::string describe() const override;

  ParamSlot weight_ih, weight_hh, bias_ih, bias_hh;

 private:
  int64 in_, hidden_;
};

/// Gated recurrent unit. Cho et al., EMNLP 2014, arXiv 1406.1078, in the form of cuDNN and torch:
///   r = sigmoid(x W_ir' + b_ir + h W_hr' + b_hr);  z likewise;
///   n = tanh(x W_in' + b_in + r (h W_hn' + b_hn));  h = (1 - z) n + z h
/// `weight_ih` (3H, in) in the order r, z, n; `weight_hh` (3H, H), `bias_ih`, `bias_hh` (3H).
class GRUCell : public Module {
 public:
  GRUCell(int64 in, int64 hidden);
  /// One step: x (N,in), h (N,H) or undefined (zeros).
  Tensor step(const Tensor& x, const Tensor& h);
  Tensor forward(const Input& x) override { return step(x.values(), {}); }
  std::string describe() const override;

  ParamSlot weight_ih, weight_hh, bias_ih, bias_hh;

 private:
  int64 in_, hidden_;
};

/// Layers of LSTMs over a sequence: (N,T,in) -> (N,T,H). Names as torch's LSTM: `weight_ih_l0`,
/// `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, ..._l1. Dropout between layers.
class LSTM : public Module {
 public:
  using State = std::vector<LSTMCell::State>;  // one a layer
  LSTM(int64 in, int64 hidden, int64 layers = 1, double dropout = 0);
  Tensor forward(const Input& x) override {
    State state;
    return run_from(x.values(), state);
  }
  /// Continues from `state` (empty: zeros), which becomes the last one. Equal to forward on the whole
  /// sequence.
  Tensor continued(const Tensor& x, State& state) {
    return call(x, [&] { return run_from(x, state); });
  }
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;

 private:
  struct Layer {
    ParamSlot weight_ih, weight_hh, bias_ih, bias_hh;
  };
  Tensor run_from(const Tensor& x, State& state);

  int64 in_, hidden_;
  double dropout_;
  std::vector<Layer> layers_;
};

}  // namespace gradus
