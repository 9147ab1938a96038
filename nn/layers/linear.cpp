#include "nn/layers/linear.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"

namespace gradus {

Linear::Linear(int64 in, int64 out, bool with_bias) : in_(in), out_(out) {
  if (in < 1 || out < 1) fail<UsageError>("Linear({}, {}): sizes must be at least 1", in, out);
  weight = parameter("weight", ParamKind::kWeight, {out, in}, init::torch_weight());
  if (with_bias) bias = parameter("bias", ParamKind::kBias, {out}, init::torch_bias(in));
}

Tensor Linear::forward(const Input& x) {
  return adapted() ? linear_adapter_->output(x.values(), weight, bias) : linear(x.values(), weight, bias);
}

Tensor Linear::relu(const Tensor& x) {
  return call(x,
              [&] { return bias && !adapted() ? linear_relu(x, weight, bias) : gradus::relu(forward(x)); });
}

Tensor Linear::gelu(const Tensor& x) {
  return call(x,
              [&] { return bias && !adapted() ? linear_gelu(x, weight, bias) : gradus::gelu(forward(x)); });
}

LinearAdapter& Linear::attach_adapter(std::unique_ptr<LinearAdapter> adapter) {
  linear_adapter_ = &take(std::move(adapter));
  return *linear_adapter_;
}

std::string Linear::describe() const {
  return fmt::format("Linear({}, {}{})", in_, out_, bias ? "" : ", bias=false");
}

int64 Linear::flops(const Shape&, const Shape& output) const {
  return output.numel() * (2 * in_ + (bias ? 1 : 0));
}

}  // namespace gradus
