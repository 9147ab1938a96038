// A network as a list of operations, ready to leave: what ONNX files and C sources are written from.
//
// Operators, the order of their inputs, their attributes and types are those of ONNX (operator set 18 and later; none that is
// used here has changed its meaning since): https://github.com/onnx/onnx/blob/main/docs/Operators.md
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/shape.h"
#include "core/tensor.h"

namespace gradus {

/// The numbers are those of ONNX's TensorProto.DataType.
enum class ValueType : int { kFloat = 1, kInt64 = 7, kBool = 9 };

/// An extent of an axis: `size`, or `size` times the number of examples.
struct Extent {
  int64 size = 1;
  bool batch = false;
  bool operator==(const Extent&) const = default;
};
using Extents = std::vector<Extent>;
/// Extents that no batch changes.
Extents fixed_extents(const Shape& shape);
/// "(N, 3, 2N)".
std::string extents_text(const Extents& extents);
/// Elements for one example.
int64 elements_of(const Extents& extents);

struct GraphValue {
  std::string name;
  ValueType type = ValueType::kFloat;
  Extents extents = {};
};

/// Weights and other numbers known beforehand; `numbers` or `integers`, as the type says.
struct GraphConstant {
  std::string name;
  ValueType type = ValueType::kFloat;
  std::vector<int64> dims;
  std::vector<float> numbers = {};
  std::vector<int64> integers = {};
};

using AttributeValue = std::variant<int64, float, std::vector<int64>>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

struct GraphNode {
  std::string op;
  std::vector<std::string> inputs;
  GraphValue output;
  Attributes attributes = {};
};

struct OperatorGraph {
  std::vector<GraphValue> inputs;
  GraphValue output;
  std::vector<GraphConstant> constants;
  std::vector<GraphNode> nodes;  ///< each behind those it reads

  /// Null where there is none of that name.
  const GraphConstant* constant(const std::string& name) const;
};

/// Puts a graph together, a node at a time.
class GraphBuilder {
 public:
  GraphValue input(const std::string& name, ValueType type, const Extents& extents);
  /// A constant of that name is made once; `name` empty: one of its own.
  GraphValue constant(const std::string& name, const std::vector<int64>& dims, std::vector<float> numbers);
  GraphValue constant(const std::string& name, const Tensor& value);
  GraphValue scalar(double number) { return constant("", {}, {static_cast<float>(number)}); }
  GraphValue integers(const std::vector<int64>& values);
  GraphValue node(const std::string& op, const std::vector<GraphValue>& inputs, const Extents& extents,
                  Attributes attributes = {}, ValueType type = ValueType::kFloat);
  /// Of the type and extents of its first input.
  GraphValue like(const std::string& op, const std::vector<GraphValue>& inputs, Attributes attributes = {});

  /// The same elements in other extents.
  GraphValue reshape(const GraphValue& x, const Extents& extents);
  /// x spread over larger extents, as broadcasting does.
  GraphValue expand(const GraphValue& x, const Extents& extents);
  GraphValue transpose(const GraphValue& x, const std::vector<int64>& order);

  /// The graph, without what its output does not need; `name` becomes that of the output.
  OperatorGraph finish(const GraphValue& output, const std::string& name);

 private:
  GraphValue shape_value(const Extents& extents);  // (rank), int64
  std::string fresh(const std::string& stem);

  OperatorGraph graph_;
  GraphValue batch_;  // (1), int64: the number of examples
  int64 made_ = 0;
};

}  // namespace gradus
