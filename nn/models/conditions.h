// What denoising models are conditioned on, checked.
#pragma once

#include "nn/input.h"

namespace gradus {

/// Classes as embeddings of classes + 1 rows see them: -1, and no classes at all, become the last row. Throws ShapeError, opened by
/// `model`, for a batch without a time, or a class, for each image.
IntTensor embedded_classes(const Input& x, int64 classes, const char* model);

}  // namespace gradus
