// .npz files: several named arrays in one file, as numpy.savez writes them: a zip archive (PKWARE APPNOTE 6.3,
// entries stored, not compressed) with a member NAME.npy for each array.
#pragma once

#include <string>

#include "core/safetensors.h"

namespace gradus {

/// Writes the tensors, then the integers, each under its name; the metadata are left out. Whole or not at all, and
/// the same bytes for the same tensors. Throws UsageError for a name used twice or for more than the format holds
/// (4 GiB, 65,535 arrays), DataError if the file cannot be written.
void write_npz(const std::string& path, const TensorFile& file);

}  // namespace gradus
