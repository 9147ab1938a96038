// The element types that tensor files may hold, and reading them into `real` or int64.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/real.h"

namespace gradus {

enum class ElementType { kF16, kBF16, kF32, kF64, kBool, kU8, kI8, kU16, kI16, kU32, kI32, kI64 };

std::size_t element_size(ElementType type);
/// "F32", as safetensors spells it.
const char* element_name(ElementType type);
bool is_real(ElementType type);

/// Converts n little-endian elements (at any alignment). A value beyond the range of float becomes infinite.
void convert_elements(ElementType type, const std::uint8_t* bytes, int64 n, real* out);
/// Converts n little-endian integers (not of a real type).
void convert_elements(ElementType type, const std::uint8_t* bytes, int64 n, int64* out);

}  // namespace gradus
