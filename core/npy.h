// .npy files, numpy's format for one array: a magic string, a version, a header that is a Python dictionary,
// then the elements. Format: numpy.lib.format, versions 1.0 to 3.0.
#pragma once

#include <string>

#include "core/byte_source.h"
#include "core/element_type.h"
#include "core/tensor.h"

namespace gradus {

/// An array as stored: row-major, little-endian. 8-bit images stay 8 bits wide this way.
struct NpyArray {
  Shape shape;
  ElementType type = ElementType::kF32;
  ByteBuffer bytes;

  /// As real numbers, whatever the type.
  Tensor reals() const;
  /// As integers. Throws DataError if the type is a real one.
  IntTensor integers() const;
};

/// Reads floats (f2 f4 f8), integers (i1 to i8, u1 to u4) and bool, either byte order; arrays in Fortran
/// order are turned into row-major ones. Throws DataError naming file, offset and expectation.
NpyArray read_npy(const std::string& path);
NpyArray read_npy(ByteSource& source);

/// Writes <f4 (gradus64: <f8) or <i8, version 1.0, whole or not at all. Throws DataError.
void write_npy(const std::string& path, const Tensor& tensor);
void write_npy(const std::string& path, const IntTensor& tensor);
/// The same bytes in memory.
std::string npy_bytes(const Tensor& tensor);
std::string npy_bytes(const IntTensor& tensor);

}  // namespace gradus
