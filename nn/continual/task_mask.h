// A head for all classes of which only the present task's compete.
#pragma once

#include "core/tensor.h"

namespace gradus {

/// Logits (N,K) with -1e11 outside of the columns first .. first+count-1, where no gradient passes. Throws UsageError for
/// columns that are not there.
Tensor task_masked(const Tensor& logits, int64 first, int64 count);
/// Mean cross-entropy of these; a label outside of the columns is a DataError.
Tensor task_masked_loss(const Tensor& logits, const IntTensor& labels, int64 first, int64 count);
/// The first largest inside the columns, (N).
IntTensor task_masked_prediction(const Tensor& logits, int64 first, int64 count);

}  // namespace gradus
