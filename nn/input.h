// What a model is called with: numbers or token ids, and what they are conditioned on.
#pragma once

#include "core/tensor.h"

namespace gradus {

/// One mini-batch of inputs. Converts from a Tensor (images (N,C,H,W), rows (N,D), sequences (N,T,D)) and
/// from an IntTensor (token ids (N,T)).
class Input {
 public:
  Input(Tensor values) : values_(std::move(values)) {}
  Input(IntTensor ids) : ids_(std::move(ids)) {}

  bool is_tokens() const { return ids_.defined(); }
  /// The numbers. Throws ShapeError if this batch holds token ids.
  const Tensor& values() const;
  /// The token ids. Throws ShapeError if this batch holds numbers.
  const IntTensor& ids() const;
  const Shape& shape() const { return is_tokens() ? ids_.shape() : values_.shape(); }
  /// Samples in the batch.
  int64 size() const { return shape()[0]; }
  /// Samples begin..end-1, conditions included; shares storage.
  Input rows(int64 begin, int64 end) const;

  /// Conditions of a generative model: diffusion time (N) in [0, 1] and class (N), -1 meaning "no class".
  /// Undefined where a model has none; models without conditions ignore them.
  Tensor time;
  IntTensor classes;

 private:
  Tensor values_;
  IntTensor ids_;
};

}  // namespace gradus
