#include "nn/layers/conv.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"

namespace gradus {
namespace {

ConvSpec spec_of(const ConvOptions& o) {
  return {o.stride, o.stride, o.pad, o.pad, o.dilation, o.dilation, o.groups};
}

void check(const char* layer, int64 in, int64 out, int64 kernel, const ConvOptions& o) {
  if (in < 1 || out < 1 || kernel < 1 || o.stride < 1 || o.pad < 0 || o.dilation < 1)
    fail<UsageError>("{}({}, {}, {}): sizes must be at least 1", layer, in, out, kernel);
  if (o.groups < 1 || in % o.groups || out % o.groups)
    fail<UsageError>("{}({}, {}, {}): {} groups do not divide the channels", layer, in, out, kernel,
                     o.groups);
}

std::string text(const char* layer, int64 in, int64 out, int64 kernel, const ConvOptions& o) {
  std::string s = fmt::format("{}({}, {}, {}", layer, in, out, kernel);
  if (o.stride != 1) s += fmt::format(", stride={}", o.stride);
  if (o.pad) s += fmt::format(", pad={}", o.pad);
  if (o.dilation != 1) s += fmt::format(", dilation={}", o.dilation);
  if (o.groups != 1) s += fmt::format(", groups={}", o.groups);
  return s + (o.bias ? ")" : ", bias=false)");
}

}  // namespace

Conv2d::Conv2d(int64 in, int64 out, int64 kernel, const ConvOptions& options)
    : in_(in), out_(out), kernel_(kernel), options_(options), spec_(spec_of(options)) {
  check("Conv2d", in, out, kernel, options);
  const Shape shape{out, in / options.groups, kernel, kernel};
  weight = parameter("weight", ParamKind::kWeight, shape, init::torch_weight());
  if (options.bias)
    bias =
        parameter("bias", ParamKind::kBias, {out}, init::torch_bias(in / options.groups * kernel * kernel));
}

Tensor Conv2d::forward(const Input& x) {
  return adapted() ? conv_adapter_->output(x.values(), weight, bias, spec_)
                   : conv2d(x.values(), weight, bias, spec_);
}

Tensor Conv2d::relu(const Tensor& x) {
  return call(x, [&] { return adapted() ? gradus::relu(forward(x)) : conv2d_relu(x, weight, bias, spec_); });
}

ConvAdapter& Conv2d::attach_adapter(std::unique_ptr<ConvAdapter> adapter) {
  conv_adapter_ = &take(std::move(adapter));
  return *conv_adapter_;
}

std::string Conv2d::describe() const { return text("Conv2d", in_, out_, kernel_, options_); }

int64 Conv2d::flops(const Shape&, const Shape& output) const {
  return output.numel() * (2 * in_ / options_.groups * kernel_ * kernel_ + (bias ? 1 : 0));
}

Tensor WeightStandardConv2d::standardised() const {
  const Axes kernel{1, 2, 3};
  const Tensor w = weight, centred = w - mean(w, kernel, true);
  return centred * rsqrt(mean(square(centred), kernel, true) + real(1e-5));
}

Tensor WeightStandardConv2d::forward(const Input& x) {
  return conv2d(x.values(), standardised(), bias, spec_);
}

Tensor WeightStandardConv2d::relu(const Tensor& x) {
  return call(x, [&] { return conv2d_relu(x, standardised(), bias, spec_); });
}

ConvTranspose2d::ConvTranspose2d(int64 in, int64 out, int64 kernel, const ConvOptions& options,
                                 int64 output_pad)
    : in_(in),
      out_(out),
      kernel_(kernel),
      output_pad_(output_pad),
      options_(options),
      spec_(spec_of(options)) {
  check("ConvTranspose2d", in, out, kernel, options);
  if (output_pad < 0 || output_pad >= std::max(options.stride, options.dilation))
    fail<UsageError>("ConvTranspose2d: output_pad = {} must be below the stride or the dilation", output_pad);
  const int64 out_group = out / options.groups;
  weight = parameter("weight", ParamKind::kWeight, {in, out_group, kernel, kernel}, init::torch_weight());
  if (options.bias)
    bias = parameter("bias", ParamKind::kBias, {out}, init::torch_bias(out_group * kernel * kernel));
}

Tensor ConvTranspose2d::forward(const Input& x) {
  return conv_transpose2d(x.values(), weight, bias, spec_, output_pad_);
}

std::string ConvTranspose2d::describe() const {
  return text("ConvTranspose2d", in_, out_, kernel_, options_);
}

int64 ConvTranspose2d::flops(const Shape& input, const Shape& output) const {
  return 2 * input.numel() * out_ / options_.groups * kernel_ * kernel_ + (bias ? output.numel() : 0);
}

}  // namespace gradus
