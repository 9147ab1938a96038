// A perceptron of scalars, trained by gradient descent.
#pragma once

#include <vector>

#include "engine.h"

// ---- Part 3: a network.

// Numbers that are trained, kept outside of any tape: a tape lives for one step.
struct Layer {
  size_t inputs, outputs;
  std::vector<double> weights;  // outputs x inputs, row by row: weights[o * inputs + i]
  std::vector<double> biases;   // outputs
};

// The parameters of a layer as they stand on a tape.
struct OnTape {
  std::vector<Value> weights, biases;
};
inline OnTape place(Tape& tape, const Layer& layer) {
  OnTape on;
  for (const double w : layer.weights) on.weights.emplace_back(tape, w);
  for (const double b : layer.biases) on.biases.emplace_back(tape, b);
  return on;
}

// out_o = sum over i of w_oi x_i + b_o
inline std::vector<Value> linear(const Layer& layer, const OnTape& p, const std::vector<Value>& x) {
  // BEGIN SOLUTION 3.1
  std::vector<Value> out;
  for (size_t o = 0; o < layer.outputs; ++o) {
    Value sum = p.biases[o];
    for (size_t i = 0; i < layer.inputs; ++i) sum = sum + p.weights[o * layer.inputs + i] * x[i];
    out.push_back(sum);
  }
  return out;
  // END SOLUTION
}

// The layers in turn, with tanh after each but the last.
inline std::vector<Value> forward(const std::vector<Layer>& layers, const std::vector<OnTape>& parameters,
                                  std::vector<Value> x) {
  // BEGIN SOLUTION 3.2
  for (size_t l = 0; l < layers.size(); ++l) {
    x = linear(layers[l], parameters[l], x);
    if (l + 1 < layers.size())
      for (Value& v : x) v = tanh(v);
  }
  return x;
  // END SOLUTION
}

// Mean over the examples of (prediction - target)^2. There is at least one.
inline Value mean_squared_error(const std::vector<Value>& predictions, const std::vector<double>& targets) {
  // BEGIN SOLUTION 3.3
  Value sum = power(add_constant(predictions[0], -targets[0]), 2);
  for (size_t i = 1; i < predictions.size(); ++i)
    sum = sum + power(add_constant(predictions[i], -targets[i]), 2);
  return sum / Value(sum.tape(), double(predictions.size()));
  // END SOLUTION
}

// log(sum over c of exp(z_c)) - z_label, the cross-entropy of logits z. The largest logit is subtracted first (as a constant),
// so that nothing overflows.
inline Value cross_entropy(const std::vector<Value>& z, size_t label) {
  // BEGIN SOLUTION 3.4
  double top = z[0].value();
  for (const Value& v : z) top = v.value() > top ? v.value() : top;
  Value sum = exp(add_constant(z[0], -top));
  for (size_t c = 1; c < z.size(); ++c) sum = sum + exp(add_constant(z[c], -top));
  return add_constant(log(sum), top) - z[label];
  // END SOLUTION
}

// One step of gradient descent: each number moves by -lr times its grad on the tape.
inline void step(Layer& layer, const OnTape& p, double lr) {
  // BEGIN SOLUTION 3.5
  for (size_t i = 0; i < layer.weights.size(); ++i) layer.weights[i] -= lr * p.weights[i].grad();
  for (size_t i = 0; i < layer.biases.size(); ++i) layer.biases[i] -= lr * p.biases[i].grad();
  // END SOLUTION
}

// `steps` steps on the mean squared error over all examples (x[i], y[i]), each on a new tape. The network has one output.
// Returns the loss before each step.
inline std::vector<double> train(std::vector<Layer>& layers, const std::vector<std::vector<double>>& x,
                                 const std::vector<double>& y, int steps, double lr) {
  // BEGIN SOLUTION 3.6
  std::vector<double> losses;
  for (int t = 0; t < steps; ++t) {
    Tape tape;
    std::vector<OnTape> parameters;
    for (const Layer& layer : layers) parameters.push_back(place(tape, layer));
    std::vector<Value> predictions;
    for (const std::vector<double>& example : x) {
      std::vector<Value> input;
      for (const double v : example) input.emplace_back(tape, v);
      predictions.push_back(forward(layers, parameters, input)[0]);
    }
    const Value loss = mean_squared_error(predictions, y);
    backward(loss);
    losses.push_back(loss.value());
    for (size_t l = 0; l < layers.size(); ++l) step(layers[l], parameters[l], lr);
  }
  return losses;
  // END SOLUTION
}
