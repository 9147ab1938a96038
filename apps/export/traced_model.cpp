#include "apps/export/traced_model.h"

#include "autograd/primitive_trace.h"
#include "nn/modes.h"

namespace gradus {

TracedModel trace_model(Model& model, const Input& input,
                        const std::function<bool(const std::string&)>& known) {
  TracedModel traced{input, {}, {}};
  const Recording off(false);
  const ModeScope evaluation(model, false);
  const PrimitiveTrace trace(
      [&](const Primitive& p, std::span<const Tensor> inputs, const Attr& attr, const Tensor& output) {
        if (known(p.name) || !p.composite) {
          traced.calls.push_back({&p, {inputs.begin(), inputs.end()}, attr, output});
          return;
        }
        const Tensor same = p.composite(Ctx(p, inputs, attr));
        traced.calls.push_back({nullptr, {same}, {}, output});
      });
  traced.output = model(input);
  return traced;
}

Input drawn_input(const Model& model, int64 n, Rng rng) {
  const Input like = model.example(n);
  if (like.is_tokens()) {
    IntTensor ids(like.shape());
    for (int64 i = 0; i < ids.numel(); ++i) ids.mutable_data()[i] = rng.below(model.data().vocabulary);
    return ids;
  }
  Input x = rng.uniform_tensor(like.shape(), -1, 1);
  if (like.time.defined()) x.time = rng.uniform_tensor({n});
  if (like.classes.defined()) {
    x.classes = IntTensor::full({n}, -1);
    for (int64 i = 1; i < n && model.data().classes; ++i)
      x.classes.mutable_data()[i] = rng.below(model.data().classes);
  }
  return x;
}

}  // namespace gradus
