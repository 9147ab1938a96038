// Internal: what each file of primitives contributes to the table of autograd/registry.h.
#pragma once

#include <vector>

#include "autograd/primitive.h"

namespace gradus {

using PrimitiveList = std::vector<const Primitive*>;

PrimitiveList binary_primitives();
PrimitiveList unary_primitives();
PrimitiveList reduce_primitives();
PrimitiveList shape_primitives();
PrimitiveList index_primitives();
PrimitiveList matmul_primitives();
PrimitiveList conv_primitives();
PrimitiveList pool_primitives();
PrimitiveList softmax_primitives();
PrimitiveList norm_primitives();
PrimitiveList attention_primitives();
PrimitiveList recurrent_primitives();
PrimitiveList fft_primitives();
PrimitiveList linalg_primitives();
PrimitiveList forward_only_primitives();

}  // namespace gradus
