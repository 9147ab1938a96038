// Fourier transforms. Both are linear over the reals; with m[k] = 1 for k = 0 and (n even) k = n/2, else 2,
//   irfft(X)[t] = 1/n sum over k <= n/2 of m[k] (Re X[k] cos(2 pi k t/n) - Im X[k] sin(2 pi k t/n)),
// so the adjoint of rfft is G -> n irfft(G / m) and the adjoint of irfft is g -> m/n rfft(g).
#include "autograd/ops/fft.h"

#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "core/kernels/fft.h"

namespace gradus {
namespace {

// m[k] as a constant (n/2 + 1, 1) that broadcasts over (re, im), or 1 / m[k].
Tensor multiplicity(int64 n, bool inverted) {
  Tensor m = Tensor::full({n / 2 + 1, 1}, inverted ? real(0.5) : real(2));
  real* p = m.mutable_data();
  p[0] = 1;
  if (n % 2 == 0) p[n / 2] = 1;
  return m;
}

const Primitive kRfft = linear_map(
    "rfft", [](const Ctx& c) { return kernels::rfft(c[0]); },
    [](const Ctx& c, const Tensor& g) {
      const int64 n = c.shape(0)[-1];
      return irfft(g * multiplicity(n, true), n) * static_cast<real>(n);
    });

const Primitive kIrfft = linear_map(
    "irfft", [](const Ctx& c) { return kernels::irfft(c[0], c.attr<int64>()); },
    [](const Ctx& c, const Tensor& g) {
      const int64 n = c.attr<int64>();
      return rfft(g) * multiplicity(n, false) / static_cast<real>(n);
    });

}  // namespace

Tensor rfft(const Tensor& x) {
  if (x.rank() < 1 || x.dim(-1) < 1)
    fail<ShapeError>("rfft: no elements along the last axis of {}", x.shape().str());
  return apply(kRfft, {x});
}

Tensor irfft(const Tensor& spectrum, int64 n) {
  const Shape& s = spectrum.shape();
  if (s.rank() < 2 || s[-1] != 2 || n < 1 || s[-2] != n / 2 + 1)
    fail<ShapeError>("irfft: {} is not the spectrum (..., {}, 2) of rows of {}", s.str(), n / 2 + 1, n);
  return apply(kIrfft, {spectrum}, Attr::of(n));
}

Tensor circular_convolution(const Tensor& a, const Tensor& b) {
  if (a.rank() < 1 || b.rank() < 1 || a.dim(-1) != b.dim(-1))
    fail<ShapeError>("circular_convolution: {} with {}", a.shape().str(), b.shape().str());
  const Tensor x = rfft(a), y = rfft(b);
  const auto re = [](const Tensor& z) { return slice(z, -1, 0, 1); };
  const auto im = [](const Tensor& z) { return slice(z, -1, 1, 2); };
  const Tensor product[] = {re(x) * re(y) - im(x) * im(y), re(x) * im(y) + im(x) * re(y)};
  return irfft(concat(product, -1), a.dim(-1));
}

PrimitiveList fft_primitives() { return {&kRfft, &kIrfft}; }

}  // namespace gradus
