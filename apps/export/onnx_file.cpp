#include "apps/export/onnx_file.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace gradus {
namespace {

// A message that is being written.
class Message {
 public:
  Message& number(int field, std::int64_t value) {
    tag(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real_number(int field, float value) {
    tag(field, 5);
    little_endian(std::bit_cast<std::uint32_t>(value), 4);
    return *this;
  }
  Message& text(int field, const std::string& value) {
    tag(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  Message& packed(int field, const std::vector<int64>& values) {
    Message inner;
    for (const int64 v : values) inner.varint(static_cast<std::uint64_t>(v));
    return message(field, inner);
  }
  void little_endian(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void tag(int field, unsigned type) { varint(static_cast<std::uint64_t>(field) << 3 | type); }
  void varint(std::uint64_t value) {
    for (; value > 0x7f; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

Message attribute_message(const std::string& name, const AttributeValue& value) {
  Message m;
  m.text(1, name);
  if (const auto* f = std::get_if<float>(&value)) {
    m.real_number(2, *f).number(20, 1);
  } else if (const auto* i = std::get_if<int64>(&value)) {
    m.number(3, *i).number(20, 2);
  } else {
    m.packed(8, std::get<std::vector<int64>>(value)).number(20, 7);
  }
  return m;
}

Message node_message(const GraphNode& node) {
  Message m;
  for (const std::string& x : node.inputs) m.text(1, x);
  m.text(2, node.output.name).text(3, node.output.name).text(4, node.op);
  for (const auto& [name, value] : node.attributes) m.message(5, attribute_message(name, value));
  return m;
}

Message tensor_message(const GraphConstant& c) {
  Message m, raw;
  m.packed(1, c.dims).number(2, static_cast<int>(c.type)).text(8, c.name);
  for (const float v : c.numbers) raw.little_endian(std::bit_cast<std::uint32_t>(v), 4);
  for (const int64 v : c.integers) raw.little_endian(static_cast<std::uint64_t>(v), 8);
  return m.message(9, raw);
}

Message value_message(const GraphValue& v) {
  Message shape, tensor, type, m;
  for (const Extent& e : v.extents) {
    Message dim;
    if (e.batch)
      dim.text(2, e.size == 1 ? "batch" : fmt::format("{}*batch", e.size));
    else
      dim.number(1, e.size);
    shape.message(1, dim);
  }
  tensor.number(1, static_cast<int>(v.type)).message(2, shape);
  type.message(1, tensor);
  return m.text(1, v.name).message(2, type);
}

// Minus infinity hides what a token may not see; a weight is finite.
void check_numbers(const OperatorGraph& graph) {
  int64 bytes = 0;
  for (const GraphConstant& c : graph.constants) {
    bytes += static_cast<int64>(4 * c.numbers.size() + 8 * c.integers.size());
    for (const float v : c.numbers)
      if (std::isnan(v) || v == INFINITY)
        fail<NumericError>("export: {} holds {}: the weights are not finite", c.name, v);
  }
  if (bytes >= int64{1} << 31)
    fail<UsageError>("export: {} bytes of weights; an ONNX file holds less than 2 GB", bytes);
}

}  // namespace

std::string onnx_bytes(const OperatorGraph& graph, const OnnxOptions& options) {
  check_numbers(graph);
  Message g;
  for (const GraphNode& n : graph.nodes) g.message(1, node_message(n));
  g.text(2, "gradus");
  for (const GraphConstant& c : graph.constants) g.message(5, tensor_message(c));
  for (const GraphValue& v : graph.inputs) g.message(11, value_message(v));
  g.message(12, value_message(graph.output));

  // The version of the format that came with an operator set.
  const int64 ir_version = options.opset < 19 ? 8 : options.opset < 21 ? 9 : 10;
  Message opset, model;
  opset.text(1, "").number(2, options.opset);
  model.number(1, ir_version)
      .text(2, "gradus")
      .text(3, options.producer_version)
      .text(6, options.description);
  model.message(7, g).message(8, opset);
  for (const auto& [key, value] : options.metadata) {
    Message entry;
    entry.text(1, key).text(2, value);
    model.message(14, entry);
  }
  return model.bytes();
}

}  // namespace gradus
