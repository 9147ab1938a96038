// What the methods of this folder are handed: features as a function of their parameters, and labelled examples.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// Features (N,d) of x by parameters in order.
using FeatureMap = std::function<Tensor(std::span<const Tensor> params, const Tensor& x)>;
struct LabelledRows {
  Tensor x;     ///< (N,...)
  IntTensor y;  ///< (N)
};

/// a's rows, then b's; either may be undefined.
LabelledRows joined_rows(const LabelledRows& a, const LabelledRows& b);
LabelledRows chosen_rows(const LabelledRows& rows, const std::vector<int64>& index);
/// Batch of step `step`, in shuffled epochs whose order depends on `rng` and the epoch alone; the last of an epoch may be smaller.
LabelledRows batch_at(const LabelledRows& rows, int64 batch_size, int64 step, const Rng& rng);
/// The same in the rows' own order.
LabelledRows batch_in_order(const LabelledRows& rows, int64 batch_size, int64 step);

/// Cross-entropy of logits (N,K). `groups`: first labels of groups, ascending; of each row only its label's group competes. Empty: all.
Tensor competing_loss(const Tensor& logits, const IntTensor& y, const std::vector<int64>& groups);

}  // namespace gradus
