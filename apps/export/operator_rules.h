// How each primitive is said in ONNX's operators.
#pragma once

#include <functional>
#include <string>

#include "apps/export/operator_graph.h"
#include "apps/export/traced_model.h"

namespace gradus {

/// One call of a primitive, seen at two batch sizes, to be put into a graph.
struct CallToExport {
  const TracedCall &small, &large;
  GraphBuilder& graph;
  std::vector<GraphValue> in;  ///< the inputs
  Extents out;                 ///< of the output
  /// The graph's value for integers that a call took as an attribute: token ids, classes, or constants; `size` is what they count in.
  std::function<GraphValue(const IntTensor& small, const IntTensor& large, int64 size)> integers;

  template <class T>
  const T& attr() const {
    return small.attr.as<T>();
  }
};

struct OperatorRule {
  const char* primitive;
  GraphValue (*say)(CallToExport& call, const char* op);
  const char* op = "";  ///< handed to `say`, where several primitives share one
  GraphValue operator()(CallToExport& call) const { return say(call, op); }
};
/// Null where there is none: such a primitive cannot be exported, unless by its composite.
const OperatorRule* operator_rule(const std::string& primitive);

/// What two batches of `small` and `large` examples say of an axis. Throws UsageError where it does not grow with the batch.
Extents extents_between(const Shape& in_small, const Shape& in_large, int64 small, int64 large,
                        const std::string& what);

/// The batch sizes that models are traced at.
inline constexpr int64 kSmallBatch = 2, kLargeBatch = 3;

}  // namespace gradus
