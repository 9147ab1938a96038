#include "apps/export/operator_graph.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace gradus {

Extents fixed_extents(const Shape& shape) {
  Extents extents;
  for (const int64 d : shape.dims()) extents.push_back({d, false});
  return extents;
}

std::string extents_text(const Extents& extents) {
  std::vector<std::string> words;
  for (const Extent& e : extents)
    words.push_back(!e.batch ? fmt::format("{}", e.size) : e.size == 1 ? "N" : fmt::format("{}N", e.size));
  return fmt::format("({})", fmt::join(words, ", "));
}

int64 elements_of(const Extents& extents) {
  int64 n = 1;
  for (const Extent& e : extents) n *= e.size;
  return n;
}

const GraphConstant* OperatorGraph::constant(const std::string& name) const {
  for (const GraphConstant& c : constants)
    if (c.name == name) return &c;
  return nullptr;
}

std::string GraphBuilder::fresh(const std::string& stem) { return fmt::format("{}_{}", stem, ++made_); }

GraphValue GraphBuilder::input(const std::string& name, ValueType type, const Extents& extents) {
  graph_.inputs.push_back({name, type, extents});
  return graph_.inputs.back();
}

GraphValue GraphBuilder::constant(const std::string& name, const std::vector<int64>& dims,
                                  std::vector<float> numbers) {
  if (name.empty() || !graph_.constant(name))
    graph_.constants.push_back(
        {name.empty() ? fresh("constant") : name, ValueType::kFloat, dims, std::move(numbers)});
  return {name.empty() ? graph_.constants.back().name : name, ValueType::kFloat, fixed_extents(Shape(dims))};
}

GraphValue GraphBuilder::constant(const std::string& name, const Tensor& value) {
  std::vector<float> numbers;
  numbers.reserve(static_cast<size_t>(value.numel()));
  for (const real v : value.span()) numbers.push_back(static_cast<float>(v));
  return constant(name, {value.shape().begin(), value.shape().end()}, std::move(numbers));
}

GraphValue GraphBuilder::integers(const std::vector<int64>& values) {
  const int64 n = static_cast<int64>(values.size());
  graph_.constants.push_back({fresh("integers"), ValueType::kInt64, {n}, {}, values});
  return {graph_.constants.back().name, ValueType::kInt64, {{n, false}}};
}

GraphValue GraphBuilder::node(const std::string& op, const std::vector<GraphValue>& inputs,
                              const Extents& extents, Attributes attributes, ValueType type) {
  GraphNode n{op, {}, {fresh(op), type, extents}, std::move(attributes)};
  for (const GraphValue& x : inputs) n.inputs.push_back(x.name);
  graph_.nodes.push_back(n);
  return n.output;
}

GraphValue GraphBuilder::like(const std::string& op, const std::vector<GraphValue>& inputs,
                              Attributes attributes) {
  return node(op, inputs, inputs[0].extents, std::move(attributes), inputs[0].type);
}

GraphValue GraphBuilder::shape_value(const Extents& extents) {
  std::vector<GraphValue> parts;
  std::vector<int64> known;
  const auto end_known = [&] {
    if (!known.empty()) parts.push_back(integers(std::exchange(known, {})));
  };
  for (const Extent& e : extents) {
    if (!e.batch) {
      known.push_back(e.size);
      continue;
    }
    end_known();
    if (batch_.name.empty())
      batch_ = node("Shape", {graph_.inputs.at(0)}, {{1, false}}, {{"start", int64{0}}, {"end", int64{1}}},
                    ValueType::kInt64);
    parts.push_back(e.size == 1 ? batch_ : like("Mul", {batch_, integers({e.size})}));
  }
  end_known();
  if (parts.size() == 1) return parts[0];
  return node("Concat", parts, {{static_cast<int64>(extents.size()), false}}, {{"axis", int64{0}}},
              ValueType::kInt64);
}

GraphValue GraphBuilder::reshape(const GraphValue& x, const Extents& extents) {
  if (x.extents == extents) return x;
  if (std::count_if(extents.begin(), extents.end(), [](const Extent& e) { return e.batch; }) > 1)
    return node("Reshape", {x, shape_value(extents)}, extents, {}, x.type);
  std::vector<int64> dims;
  for (const Extent& e : extents) dims.push_back(e.batch ? -1 : e.size);
  return node("Reshape", {x, integers(dims)}, extents, {}, x.type);
}

GraphValue GraphBuilder::expand(const GraphValue& x, const Extents& extents) {
  if (x.extents == extents) return x;
  Extents asked = extents;  // an axis that x has already may be asked for as 1, whatever the batch
  const size_t added = extents.size() - x.extents.size();
  for (size_t i = 0; i < x.extents.size(); ++i)
    if (x.extents[i] == extents[added + i]) asked[added + i] = {1, false};
  return node("Expand", {x, shape_value(asked)}, extents, {}, x.type);
}

GraphValue GraphBuilder::transpose(const GraphValue& x, const std::vector<int64>& order) {
  Extents extents;
  for (const int64 axis : order) extents.push_back(x.extents[static_cast<size_t>(axis)]);
  return node("Transpose", {x}, extents, {{"perm", order}}, x.type);
}

OperatorGraph GraphBuilder::finish(const GraphValue& output, const std::string& name) {
  std::string last = output.name;
  const auto made = [&](const GraphNode& n) { return n.output.name == last; };
  if (std::none_of(graph_.nodes.begin(), graph_.nodes.end(), made)) last = like("Identity", {output}).name;
  std::set<std::string> used{last};
  std::vector<GraphNode> nodes;
  for (auto n = graph_.nodes.rbegin(); n != graph_.nodes.rend(); ++n) {
    if (!used.contains(n->output.name)) continue;
    used.insert(n->inputs.begin(), n->inputs.end());
    nodes.push_back(*n);
  }
  std::reverse(nodes.begin(), nodes.end());
  for (GraphNode& n : nodes) {
    if (n.output.name == last) n.output.name = name;
    for (std::string& x : n.inputs)
      if (x == last) x = name;
  }
  OperatorGraph graph;
  graph.output = {name, output.type, output.extents};
  graph.nodes = std::move(nodes);
  for (size_t i = 0; i < graph_.inputs.size(); ++i)
    if (i == 0 || used.contains(graph_.inputs[i].name)) graph.inputs.push_back(graph_.inputs[i]);
  for (GraphConstant& c : graph_.constants)
    if (used.contains(c.name)) graph.constants.push_back(std::move(c));
  return graph;
}

}  // namespace gradus
