// safetensors files: an 8-byte little-endian header length, a JSON header naming each tensor's element type,
// shape and place, then the elements one tensor after the other. Format: huggingface/safetensors, README.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/byte_source.h"
#include "core/tensor.h"

namespace gradus {

/// Named tensors in order, and free text beside them: what a safetensors file holds.
struct TensorFile {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::vector<std::pair<std::string, IntTensor>> integers;
  std::map<std::string, std::string> metadata;

  /// nullptr if there is none of that name.
  const Tensor* find(const std::string& name) const;
  const IntTensor* find_integers(const std::string& name) const;
  /// Throws DataError naming `file` (of which this was read) and the nearest name there is.
  const Tensor& get(const std::string& name, const std::string& file) const;
  const IntTensor& get_integers(const std::string& name, const std::string& file) const;
};

/// Reads the whole file: F16, BF16, F32 and F64 become `real`, BOOL and the integer types int64. Tensors come
/// in the order in which they lie in the file. Throws DataError naming file, offset and expectation for
/// whatever the format forbids: header too long or not JSON, unknown type, shape and size at odds, overlaps,
/// holes, surplus.
TensorFile read_safetensors(const std::string& path);
TensorFile read_safetensors(ByteSource& source);

/// Writes F32 (gradus64: F64) and I64, whole or not at all. Throws UsageError for a name used twice,
/// DataError if the file cannot be written.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace gradus
