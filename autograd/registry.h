// The table of all primitives of the library. Tests run over it: whatever is in here is checked against naive
// loops and central differences in every mode and order.
#pragma once

#include <string_view>
#include <vector>

#include "autograd/primitive.h"

namespace gradus {

struct PrimitiveEntry {
  const Primitive* primitive;
  const char* family;
  bool differentiable = true;  ///< false: vjp and jvp exist to throw a GraphError that names the primitive
};

/// Every primitive, family by family.
const std::vector<PrimitiveEntry>& primitives();
/// The primitive of that name. Throws UsageError listing the nearest and all valid names.
const Primitive& find_primitive(std::string_view name);

}  // namespace gradus
