// IDX files, the format of MNIST: a magic number (two zero bytes, the element type, the number of axes), the
// extents as big-endian 32-bit integers, then the elements. Format: LeCun, Cortes, Burges, "The MNIST
// database".
#pragma once

#include "core/byte_source.h"
#include "data/dataset.h"

namespace gradus {

/// An IDX file of unsigned bytes.
struct IdxFile {
  std::vector<int64> dims;
  ByteBuffer bytes;
};

/// Reads a file of `axes` axes (images 3, labels 1). Throws DataError naming file, offset and what was
/// expected for a wrong magic number, element type, axis count, missing or surplus bytes.
IdxFile read_idx(ByteSource& source, int axes);

/// Images and labels from the two files of a split. Throws DataError if their counts differ.
DatasetPtr open_idx_split(DatasetInfo info, const std::string& images, const std::string& labels);

}  // namespace gradus
