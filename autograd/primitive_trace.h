// What was computed, call by call: for those who carry a function elsewhere (apps/export).
#pragma once

#include <functional>

#include "autograd/primitive.h"

namespace gradus {

/// While alive, receives every call of a primitive of this thread, recorded or not, when its output is there. A sink may call
/// primitives itself (a composite, say) and receives those too. Nests: only the innermost one is called.
class PrimitiveTrace {
 public:
  using Sink = std::function<void(const Primitive&, std::span<const Tensor> inputs, const Attr&,
                                  const Tensor& output)>;
  explicit PrimitiveTrace(Sink sink);
  ~PrimitiveTrace();
  PrimitiveTrace(const PrimitiveTrace&) = delete;
  PrimitiveTrace& operator=(const PrimitiveTrace&) = delete;

  /// Tells the innermost trace of this thread, if there is one.
  static void tell(const Primitive& primitive, std::span<const Tensor> inputs, const Attr& attr,
                   const Tensor& output);

 private:
  Sink sink_;
  PrimitiveTrace* before_;
};

}  // namespace gradus
