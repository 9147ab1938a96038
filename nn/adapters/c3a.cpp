#include "nn/adapters/c3a.h"

#include <cmath>
#include <numeric>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/fft.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_kernel(const Tensor& kernel) {
  if (kernel.rank() != 3) fail<ShapeError>("c3a: a kernel is (m,n,b), not {}", kernel.shape().str());
}

// Real and imaginary parts of spectra (..., F, 2), frequencies first: (F, ...).
Tensor spectrum_part(const Tensor& spectrum, int64 part) {
  const int last = spectrum.rank() - 1;
  Tensor x = slice(spectrum, last, part, part + 1);  // (a, b, F, 1)
  x = reshape(x, Shape{x.dim(0), x.dim(1), x.dim(2)});
  return permute(x, {2, 0, 1});
}

Init kernel_init(const std::string& name, int64 in, int64 out) {
  if (name == "zeros") return init::zeros();
  if (name == "gaussian") return init::normal(1);
  const double over =
      name == "xavier_uniform" ? 6.0 / static_cast<double>(in + out) : 1.0 / static_cast<double>(in);
  return init::uniform(std::sqrt(over));
}

int64 block_of(const C3aOptions& o, int64 in, int64 out) {
  const int64 b = o.block ? o.block : std::gcd(in, out);
  if (in % b || out % b)
    fail<UsageError>("adapter c3a: blocks of {} do not divide a layer of {} inputs and {} outputs", b, in,
                     out);
  return b;
}

}  // namespace

Tensor block_circulant(const Tensor& kernel) {
  check_kernel(kernel);
  const int64 m = kernel.dim(0), n = kernel.dim(1), b = kernel.dim(2);
  IntTensor index({m * b, n * b});
  int64* at = index.mutable_data();
  for (int64 p = 0; p < m; ++p)
    for (int64 t = 0; t < b; ++t)
      for (int64 q = 0; q < n; ++q)
        for (int64 j = 0; j < b; ++j) *at++ = (p * n + q) * b + (j - t + b) % b;
  return take(kernel, index);
}

Tensor block_correlation(const Tensor& x, const Tensor& kernel) {
  check_kernel(kernel);
  const int64 m = kernel.dim(0), n = kernel.dim(1), b = kernel.dim(2);
  if (x.rank() < 1 || x.dim(x.rank() - 1) != n * b)
    fail<ShapeError>("c3a: inputs {} do not fit a kernel {}", x.shape().str(), kernel.shape().str());
  const int64 inputs = n * b, rows = inputs > 0 ? x.numel() / inputs : 0;
  const Tensor X = rfft(reshape(x, Shape{rows, n, b})), W = rfft(kernel);  // (T,n,F,2), (m,n,F,2)
  const Tensor xr = spectrum_part(X, 0), xi = spectrum_part(X, 1);         // (F,T,n)
  const Tensor wr = spectrum_part(W, 0), wi = spectrum_part(W, 1);         // (F,m,n)
  const auto times = [](const Tensor& a, const Tensor& w) { return matmul(a, w, false, true); };  // (F,T,m)
  const Tensor yr = times(xr, wr) + times(xi, wi), yi = times(xi, wr) - times(xr, wi);
  const Tensor Y = permute(stack(std::vector<Tensor>{yr, yi}, 3), {1, 2, 0, 3});  // (T,m,F,2)
  std::vector<int64> shape(x.shape().begin(), x.shape().end());
  shape.back() = m * b;
  return reshape(irfft(Y, b), shape);
}

Tensor c3a_weight(const Tensor& W0, const Tensor& kernel) {
  const Tensor C = block_circulant(kernel);
  if (!(C.shape() == W0.shape()))
    fail<ShapeError>("c3a: a kernel {} makes a weight {}, not {}", kernel.shape().str(), C.shape().str(),
                     W0.shape().str());
  return W0 + C / static_cast<real>(C.dim(1));
}

C3aAdapter::C3aAdapter(int64 in, int64 out, const C3aOptions& o) {
  const int64 b = block_of(o, in, out);
  fft_ = o.route == "fft" || (o.route == "auto" && b > 64);
  kernel = parameter("c3a_kernel", ParamKind::kWeight, {out / b, in / b, b}, kernel_init(o.init, in, out));
}

Tensor C3aAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor w = kernel;
  const real inputs = static_cast<real>(weight.dim(1));
  const Tensor added = fft_ ? block_correlation(x, w) / inputs : linear(x, block_circulant(w) / inputs);
  return linear(x, weight, bias) + added;
}

Tensor C3aAdapter::merged_weight(const Tensor& weight) { return c3a_weight(weight, kernel); }

std::string C3aAdapter::describe() const { return fmt::format("C3A(block={})", kernel.shape()[2]); }

}  // namespace gradus
