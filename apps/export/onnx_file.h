// ONNX files: a graph in protobuf's wire form, which is simple enough to be written by hand.
//
// Messages and field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 (ModelProto, GraphProto, NodeProto,
// AttributeProto, TensorProto, ValueInfoProto, TypeProto, TensorShapeProto, OperatorSetIdProto, StringStringEntryProto); the wire form:
// https://protobuf.dev/programming-guides/encoding. A field is a varint (number << 3 | type) and its value: type 0 a varint of seven bits a byte,
// the low ones first, all but the last with bit 7 set; type 5 four bytes; type 2 a varint with the length, then that many bytes
// (texts, messages, packed numbers).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/export/operator_graph.h"

namespace gradus {

struct OnnxOptions {
  int64 opset = 21;
  std::string producer_version, description;
  std::vector<std::pair<std::string, std::string>> metadata = {};  ///< ModelProto.metadata_props
};

/// The bytes of a file. The axis that counts examples is named "batch". Throws NumericError for weights that are not finite, UsageError
/// beyond the 2 GB that protobuf holds.
std::string onnx_bytes(const OperatorGraph& graph, const OnnxOptions& options);

}  // namespace gradus
