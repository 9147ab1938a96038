// Self-attention of further positions of sequences whose keys and values are kept: what reading a text token by token is made
// of. A single query of a head reads its keys and values once, where they lie; nothing is packed.
#pragma once

#include "core/tensor.h"

namespace gradus::kernels {

/// qkv (B,T,3*C) are T further positions, laid out as for `self_attention`; `keys` and `values` (B,heads,capacity,D), C = heads*D,
/// hold those of the `length` positions before and receive the new ones. The last `last` of the T attend, position t to the first
/// length + t + 1. -> (B,last,C). What comes out for a sequence does not depend on the others of the batch. Throws ShapeError.
Tensor self_attention_cached(const Tensor& qkv, Tensor& keys, Tensor& values, int64 length, int64 last,
                             real scale);

}  // namespace gradus::kernels
