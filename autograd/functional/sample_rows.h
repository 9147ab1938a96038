// Internal to per-sample gradients: how each primitive carries the samples of a batch.
//
// A tensor carries N samples if its leading axis is a multiple of N and sample n owns the n-th of N equal blocks of
// rows: (N,C), (N,C,H,W), (N*T,C). A plan says for one recorded call how block n of its output follows from its
// inputs.
#pragma once

#include <optional>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

struct RowPlan {
  /// Of each input: true if block n of the output sees only block n of it, false if it may see all of it.
  std::vector<std::uint8_t> by_rows;
  /// Whether the vjp rule may run on the rows of one sample: its attributes do not speak of the batch.
  bool rule_on_rows = false;
};

/// The plan of a call with an output of shape `out`, or nothing if the primitive is unknown here or its output blocks
/// do not follow from input blocks.
std::optional<RowPlan> row_plan(const Node& node, const Shape& out, int64 samples);

/// Whether the primitive mixes the samples of a batch by its nature (batch statistics).
bool mixes_samples(const Primitive& primitive);

}  // namespace gradus
