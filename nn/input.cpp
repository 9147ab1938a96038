#include "nn/input.h"

#include "core/error.h"

namespace gradus {

const Tensor& Input::values() const {
  if (is_tokens()) fail<ShapeError>("expected numbers, got token ids of shape {}", ids_.shape().str());
  return values_;
}

const IntTensor& Input::ids() const {
  if (!is_tokens()) fail<ShapeError>("expected token ids, got numbers of shape {}", values_.shape().str());
  return ids_;
}

Input Input::rows(int64 begin, int64 end) const {
  Input part = is_tokens() ? Input(ids_.rows(begin, end)) : Input(values_.rows(begin, end));
  if (time.defined()) part.time = time.rows(begin, end);
  if (classes.defined()) part.classes = classes.rows(begin, end);
  return part;
}

}  // namespace gradus
