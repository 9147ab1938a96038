// Differentiable recurrences.
#pragma once

#include <utility>

#include "autograd/graph.h"

namespace gradus {

/// One step of an LSTM from the sums of its gates (N,4H), in the order i, f, g, o, and the cells before (N,H):
/// c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c') -> (h', c').
std::pair<Tensor, Tensor> lstm_step(const Tensor& gates, const Tensor& c);

/// All steps of an LSTM layer: x (T,N,4H) is what the input gives the gates, with all biases, w (4H,H) the weight of h; h and c
/// (N,H) the state before -> (T+1,N,H), h_1 ... h_T and c_T. Throws ShapeError.
Tensor lstm(const Tensor& x, const Tensor& w, const Tensor& h, const Tensor& c);

}  // namespace gradus
