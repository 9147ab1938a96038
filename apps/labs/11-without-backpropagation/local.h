// Forward-forward. Hinton, 2022, arXiv 2212.13345: layers trained one by one, each to tell real inputs from made-up ones.
#pragma once

#include <algorithm>

#include "estimate.h"

struct Layer {
  size_t inputs, outputs;
  Vector weights;  // (outputs, inputs), row by row; no bias
};

// ---- Part 2: a layer

// x / (||x|| + 1e-8): what a layer has said by its length is hidden from the next one.
inline Vector normalised(const Vector& x) {
  // BEGIN SOLUTION 2.1
  const double norm = std::sqrt(dot(x, x)) + 1e-8;
  Vector y = x;
  for (double& v : y) v /= norm;
  return y;
  // END SOLUTION
}

// relu(W x)
inline Vector activity(const Layer& layer, const Vector& x) {
  // BEGIN SOLUTION 2.2
  Vector y(layer.outputs, 0);
  for (size_t o = 0; o < layer.outputs; ++o) {
    for (size_t i = 0; i < layer.inputs; ++i) y[o] += layer.weights[o * layer.inputs + i] * x[i];
    y[o] = std::max(y[o], 0.0);
  }
  return y;
  // END SOLUTION
}

// Goodness: the mean of the squares of the activities.
inline double goodness(const Vector& y) {
  // BEGIN SOLUTION 2.3
  return dot(y, y) / double(y.size());
  // END SOLUTION
}

// log(1 + exp(-(goodness - threshold))) of a real input, log(1 + exp(goodness - threshold)) of a made-up one; finite for any goodness.
inline double local_loss(double good, double threshold, bool real) {
  // BEGIN SOLUTION 2.4
  const double s = real ? threshold - good : good - threshold;
  return s > 0 ? s + std::log1p(std::exp(-s)) : std::log1p(std::exp(s));
  // END SOLUTION
}

// The gradient of the layer's local loss on input x in its weights. Nothing of other layers is needed.
inline Vector local_gradient(const Layer& layer, const Vector& x, double threshold, bool real) {
  // BEGIN SOLUTION 2.5
  const Vector y = activity(layer, x);
  const double s = real ? threshold - goodness(y) : goodness(y) - threshold;
  const double slope = (real ? -1 : 1) / (1 + std::exp(-s));  // dL / dgoodness
  Vector g(layer.weights.size(), 0);
  for (size_t o = 0; o < layer.outputs; ++o)
    for (size_t i = 0; i < layer.inputs; ++i)
      g[o * layer.inputs + i] = slope * 2 * y[o] / double(y.size()) * x[i];
  return g;
  // END SOLUTION
}

// ---- Part 3: a network

// The label into the input: its first `classes` numbers become 0, but 1 at the label.
inline Vector with_label(Vector x, size_t label, size_t classes) {
  // BEGIN SOLUTION 3.1
  for (size_t c = 0; c < classes; ++c) x[c] = c == label ? 1 : 0;
  return x;
  // END SOLUTION
}

// One step of every layer on a real and a made-up input: each layer moves by -lr times the sum of its two local gradients, computed
// with the weights from before the step; it sees the normalised activities of the layer before it (the first one the normalised input).
inline void train_step(std::vector<Layer>& layers, Vector real, Vector made_up, double threshold, double lr) {
  // BEGIN SOLUTION 3.2
  for (Layer& layer : layers) {
    real = normalised(real);
    made_up = normalised(made_up);
    const Vector g = add(local_gradient(layer, real, threshold, true), 1,
                         local_gradient(layer, made_up, threshold, false));
    const Vector next_real = activity(layer, real), next_made_up = activity(layer, made_up);
    layer.weights = add(layer.weights, -lr, g);
    real = next_real;
    made_up = next_made_up;
  }
  // END SOLUTION
}

// The sum over the layers of the goodness of their activities, for an input with a label in it.
inline double total_goodness(const std::vector<Layer>& layers, Vector x) {
  // BEGIN SOLUTION 3.3
  double sum = 0;
  for (const Layer& layer : layers) {
    x = activity(layer, normalised(x));
    sum += goodness(x);
  }
  return sum;
  // END SOLUTION
}

// The label with the largest total goodness.
inline size_t classify(const std::vector<Layer>& layers, const Vector& x, size_t classes) {
  // BEGIN SOLUTION 3.4
  size_t best = 0;
  for (size_t c = 1; c < classes; ++c)
    if (total_goodness(layers, with_label(x, c, classes)) >
        total_goodness(layers, with_label(x, best, classes)))
      best = c;
  return best;
  // END SOLUTION
}

// ---- Part 4: what it costs. A network of layers with `widths` outputs each, in numbers that are kept for one example.

// Backpropagation keeps the activities of all layers; local training those of two neighbours at a time (one layer alone: its own).
inline size_t kept_by_backpropagation(const std::vector<size_t>& widths) {
  // BEGIN SOLUTION 4.1
  size_t sum = 0;
  for (const size_t w : widths) sum += w;
  return sum;
  // END SOLUTION
}
inline size_t kept_by_local_training(const std::vector<size_t>& widths) {
  // BEGIN SOLUTION 4.2
  size_t most = widths[0];
  for (size_t i = 1; i < widths.size(); ++i) most = std::max(most, widths[i - 1] + widths[i]);
  return most;
  // END SOLUTION
}
