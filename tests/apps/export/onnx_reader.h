// A reader of ONNX files and an interpreter of the operators that gradus writes, by naive loops in double: what an exported
// model computes, where no runtime is at hand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace gradus::tests {

/// Numbers of any type as doubles (integers exactly), row-major.
struct OnnxArray {
  std::vector<std::int64_t> dims;
  std::vector<double> data;
};

struct OnnxNode {
  std::string op, output;
  std::vector<std::string> inputs;
  std::map<std::string, std::variant<std::int64_t, float, std::vector<std::int64_t>>> attributes;
};

struct OnnxValue {
  std::string name;
  std::int64_t type = 0;
  std::vector<std::string> dims;  ///< numbers or names
};

struct OnnxModel {
  std::int64_t ir_version = 0, opset = 0;
  std::string producer, description;
  std::map<std::string, std::string> metadata;
  std::vector<OnnxValue> inputs, outputs;
  std::map<std::string, OnnxArray> constants;
  std::vector<OnnxNode> nodes;
};

/// Throws std::runtime_error for what is no such file.
OnnxModel read_onnx(const std::string& bytes);
/// The output. Throws std::runtime_error for an operator that is not known, or a name that is not there.
OnnxArray run_onnx(const OnnxModel& model, std::map<std::string, OnnxArray> values);

}  // namespace gradus::tests
