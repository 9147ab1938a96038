#include "nn/models/conditions.h"

#include "core/error.h"

namespace gradus {

IntTensor embedded_classes(const Input& x, int64 classes, const char* model) {
  const int64 n = x.size();
  if (!x.time.defined() || x.time.numel() != n)
    fail<ShapeError>("{}: needs a time for each of the {} images, got {}", model, n,
                     x.time.defined() ? x.time.shape().str() : "none");
  if (x.classes.defined() && x.classes.numel() != n)
    fail<ShapeError>("{}: needs a class for each of the {} images, got {}", model, n,
                     x.classes.shape().str());
  IntTensor rows = IntTensor::full({n}, classes);
  if (x.classes.defined())
    for (int64 i = 0; i < n; ++i)
      if (x.classes[i] != -1) rows.mutable_data()[i] = x.classes[i];
  return rows;
}

}  // namespace gradus
