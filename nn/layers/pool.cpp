#include "nn/layers/pool.h"

#include "autograd/ops/reduce.h"

namespace gradus {
namespace {

PoolSpec spec_of(const char* layer, int64 kernel, int64 stride, int64 pad) {
  if (kernel < 1 || stride < 0 || pad < 0 || pad > kernel / 2)
    fail<UsageError>("{}: kernel = {}, stride = {}, pad = {} make no window (pad at most half the kernel)",
                     layer, kernel, stride, pad);
  if (!stride) stride = kernel;
  return {kernel, kernel, stride, stride, pad, pad};
}

std::string text(const char* layer, const PoolSpec& s) {
  std::string t = fmt::format("{}({}", layer, s.kernel_h);
  if (s.stride_h != s.kernel_h) t += fmt::format(", stride={}", s.stride_h);
  if (s.pad_h) t += fmt::format(", pad={}", s.pad_h);
  return t + ")";
}

int64 window_flops(const PoolSpec& s, const Shape& output) {
  return output.numel() * s.kernel_h * s.kernel_w;
}

}  // namespace

MaxPool2d::MaxPool2d(int64 kernel, int64 stride, int64 pad)
    : spec_(spec_of("MaxPool2d", kernel, stride, pad)) {}
std::string MaxPool2d::describe() const { return text("MaxPool2d", spec_); }
int64 MaxPool2d::flops(const Shape&, const Shape& output) const { return window_flops(spec_, output); }

AvgPool2d::AvgPool2d(int64 kernel, int64 stride, int64 pad)
    : spec_(spec_of("AvgPool2d", kernel, stride, pad)) {}
std::string AvgPool2d::describe() const { return text("AvgPool2d", spec_); }
int64 AvgPool2d::flops(const Shape&, const Shape& output) const { return window_flops(spec_, output); }

Tensor GlobalAvgPool::forward(const Input& x) {
  if (x.values().rank() != 4)
    fail<ShapeError>("GlobalAvgPool: needs (N,C,H,W), got {}", x.values().shape().str());
  return mean(x.values(), {2, 3});
}

Upsample::Upsample(int64 factor, bool bilinear) : factor_(factor), bilinear_(bilinear) {
  if (factor < 1) fail<UsageError>("Upsample: factor = {} must be at least 1", factor);
}

Tensor Upsample::forward(const Input& x) {
  const Tensor& v = x.values();
  if (v.rank() != 4) fail<ShapeError>("Upsample: needs (N,C,H,W), got {}", v.shape().str());
  return bilinear_ ? upsample_bilinear(v, v.dim(2) * factor_, v.dim(3) * factor_)
                   : upsample_nearest(v, factor_);
}

std::string Upsample::describe() const {
  return fmt::format("Upsample({}, {})", factor_, bilinear_ ? "bilinear" : "nearest");
}

}  // namespace gradus
