// Internal to per-sample gradients: what a recorded batch says about them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autograd/functional/sample_rows.h"
#include "autograd/graph.h"

namespace gradus {

/// A place where something that belongs to no single sample (a parameter, or a tensor computed from parameters only)
/// enters the computation of the samples.
struct Sink {
  Ref<Node> node;    ///< the call
  size_t input = 0;  ///< which of its inputs
  RowPlan plan;
  Shape out;
  int parameter = -1;  ///< the parameter it is (perhaps in another shape); -1: computed from parameters
  Ref<Node> shared;    ///< then the node it is
  Tensor g;            ///< cotangent of the call's output
};

struct SampleGraph {
  std::vector<Sink> sinks;
  std::string obstacle;  ///< why closed forms do not hold; empty if they do
};

/// Walks the graph of losses (N). Throws GraphError for a primitive that mixes samples by its nature.
SampleGraph sample_graph(const Tensor& losses, std::span<const Tensor> params);

/// Runs the backward pass of the samples (not of the parameters) and fills in the cotangents of the sinks.
void run_backward(const Tensor& losses, std::vector<Sink>& sinks);
/// The same from outputs (N, ...) with this cotangent of their shape.
void run_backward(const Tensor& outputs, const Tensor& cotangent, std::vector<Sink>& sinks);
/// Input (N*r, in) and cotangent (N*r, out) of a call that multiplies rows by a weight matrix, if the sink is that weight
/// or its bias (with r = 1); else undefined tensors.
struct LinearSink {
  Tensor x, g;
};
LinearSink linear_sink(const Sink& sink, int64 samples);

/// Adds sample n's part of the gradient to `block` (numel of the shared input); first: writes it instead.
void add_sample(const Sink& sink, int64 n, int64 samples, real* block, bool first);
/// Whether squared_norm is cheaper than making the gradient.
bool has_norm_form(const Sink& sink, int64 samples);
/// Squared norm of sample n's part.
double squared_norm(const Sink& sink, int64 n, int64 samples);

}  // namespace gradus
