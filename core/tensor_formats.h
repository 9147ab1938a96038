// Weights in the format that the name of their file asks for.
#pragma once

#include <string>

#include "core/safetensors.h"

namespace gradus {

/// Throws UsageError unless the path ends in .safetensors or .npz.
void check_tensors_path(const std::string& path);
/// Writes NAME.safetensors or NAME.npz (without the metadata). Throws as check_tensors_path, write_safetensors and
/// write_npz do.
void write_tensors(const std::string& path, const TensorFile& file);

}  // namespace gradus
