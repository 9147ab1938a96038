// The recurrence of an LSTM layer over a whole sequence, forward and backward.
//
//   (i, f, g, o)_t = x_t + h_{t-1} w';   c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g);   h_t = sigmoid(o) tanh(c_t)
// Hochreiter and Schmidhuber, Neural Computation 9(8), 1997. One product a step is all that has to wait for the step before
// it: what the input gives the gates is one product of all steps, and so is the weight's gradient; the weight is packed once. (So in
// Appleyard, Kocisky, Blunsom, "Optimizing Performance of Recurrent Neural Networks on GPUs", 2016, arXiv 1604.01946.)
#pragma once

#include "core/tensor.h"

namespace gradus::kernels {

/// x (T,N,4H): what the input gives the gates, with all biases; w (4H,H); the state before, h and c (N,H)
/// -> (T+1,N,H): h_1 ... h_T and c_T. If given, `gates` receives (T,N,4H), the gates behind their functions, and `cells`
/// (T,N,H), c_1 ... c_T, for the gradient. T and H at least 1, else ShapeError.
Tensor lstm(const Tensor& x, const Tensor& w, const Tensor& h, const Tensor& c, Tensor* gates = nullptr,
            Tensor* cells = nullptr);

struct LstmGrads {
  Tensor dx, dw, dh, dc;
};
/// For cotangent y_grad (T+1,N,H) of the output y. Throws ShapeError.
LstmGrads lstm_grad(const Tensor& y_grad, const Tensor& w, const Tensor& h, const Tensor& c, const Tensor& y,
                    const Tensor& gates, const Tensor& cells);

}  // namespace gradus::kernels
