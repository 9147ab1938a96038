// Radix-2 Cooley-Tukey for powers of two; every other length by Bluestein's chirp transform, which turns it
// into a circular convolution whose length is a power of two: k t = (k^2 + t^2 - (k - t)^2) / 2. Computed in
// double in either build.
#include "core/kernels/fft.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <numbers>
#include <vector>

#include "core/threads.h"

namespace gradus::kernels {
namespace {

using Complex = std::complex<double>;
size_t at(int64 i) { return static_cast<size_t>(i); }

// e^(-2 pi i j / n), with j reduced first so that large chirps lose no precision.
Complex root(int64 j, int64 n) { return std::polar(1.0, -2 * std::numbers::pi * double(j % n) / double(n)); }

// In-place forward transform of a power-of-two length.
class PowerOfTwo {
 public:
  explicit PowerOfTwo(int64 n) : n_(n), order_(at(n)), roots_(at(n / 2)) {
    for (int64 i = 1, bits = std::countr_zero(static_cast<std::uint64_t>(n)); i < n; ++i)
      order_[at(i)] = order_[at(i / 2)] / 2 + (i % 2 << (bits - 1));
    for (int64 j = 0; j < n / 2; ++j) roots_[at(j)] = root(j, n);
  }
  void run(Complex* x) const {
    for (int64 i = 0; i < n_; ++i)
      if (i < order_[at(i)]) std::swap(x[i], x[order_[at(i)]]);
    for (int64 half = 1; half < n_; half *= 2)
      for (int64 block = 0; block < n_; block += 2 * half)
        for (int64 j = 0; j < half; ++j) {
          const Complex w = roots_[at(j * (n_ / (2 * half)))];
          Complex &a = x[block + j], &b = x[block + j + half];
          const Complex t(w.real() * b.real() - w.imag() * b.imag(),
                          w.real() * b.imag() + w.imag() * b.real());
          b = a - t;
          a += t;
        }
  }

 private:
  int64 n_;
  std::vector<int64> order_;
  std::vector<Complex> roots_;
};

// Forward transform of any length.
class Transform {
 public:
  explicit Transform(int64 n)
      : n_(n), m_(std::has_single_bit(at(n)) ? n : int64(std::bit_ceil(at(2 * n - 1)))), fft_(m_) {
    if (m_ == n_) return;
    chirp_.resize(at(n));
    for (int64 k = 0; k < n; ++k) chirp_[at(k)] = root(k * k % (2 * n), 2 * n);
    filter_.assign(at(m_), 0);
    filter_[0] = 1;
    for (int64 k = 1; k < n; ++k) filter_[at(k)] = filter_[at(m_ - k)] = std::conj(chirp_[at(k)]);
    fft_.run(filter_.data());
  }
  /// x holds n numbers; `work` is scratch.
  void run(std::vector<Complex>& x, std::vector<Complex>& work) const {
    if (m_ == n_) return fft_.run(x.data());
    work.assign(at(m_), 0);
    for (int64 k = 0; k < n_; ++k) work[at(k)] = x[at(k)] * chirp_[at(k)];
    fft_.run(work.data());
    for (int64 k = 0; k < m_; ++k) work[at(k)] = std::conj(work[at(k)] * filter_[at(k)]);
    fft_.run(work.data());  // of the conjugate: the conjugate of m times the inverse transform
    for (int64 k = 0; k < n_; ++k) x[at(k)] = std::conj(work[at(k)]) / double(m_) * chirp_[at(k)];
  }

 private:
  int64 n_, m_;
  PowerOfTwo fft_;
  std::vector<Complex> chirp_, filter_;
};

// Calls row(buffer, i) around the transform of each of `rows` rows.
template <class Load, class Store>
void for_rows(int64 rows, int64 n, const Load& load, const Store& store) {
  const Transform transform(n);
  parallel_for(rows, kParallelGrain / (32 * n) + 1, [&](int64 begin, int64 end) {
    std::vector<Complex> x(at(n)), work;
    for (int64 r = begin; r < end; ++r) {
      load(r, x.data());
      transform.run(x, work);
      store(r, x.data());
    }
  });
}

}  // namespace

Tensor rfft(const Tensor& x) {
  const int64 n = x.dim(-1), half = n / 2 + 1;
  std::vector<int64> dims(x.shape().begin(), x.shape().end());
  dims.back() = half;
  dims.push_back(2);
  Tensor y{Shape(dims)};
  const real* in = x.data();
  real* out = y.mutable_data();
  for_rows(
      x.numel() / n, n, [=](int64 r, Complex* row) { std::copy_n(in + r * n, n, row); },
      [=](int64 r, const Complex* row) {
        for (int64 k = 0; k < half; ++k) {
          out[(r * half + k) * 2] = static_cast<real>(row[k].real());
          out[(r * half + k) * 2 + 1] = static_cast<real>(row[k].imag());
        }
      });
  return y;
}

Tensor irfft(const Tensor& x, int64 n) {
  const int64 half = n / 2 + 1;
  std::vector<int64> dims(x.shape().begin(), x.shape().end() - 1);
  dims.back() = n;
  Tensor y{Shape(dims)};
  const real* in = x.data();
  real* out = y.mutable_data();
  for_rows(
      y.numel() / n, n,
      [=](int64 r, Complex* row) {  // the conjugate spectrum: its forward transform is n times the inverse
        const real* s = in + r * half * 2;
        for (int64 k = 0; k < half; ++k) {
          const bool real_only = k == 0 || 2 * k == n;
          row[k] = Complex(s[2 * k], real_only ? 0 : -s[2 * k + 1]);
          if (!real_only) row[n - k] = std::conj(row[k]);
        }
      },
      [=](int64 r, const Complex* row) {
        for (int64 t = 0; t < n; ++t) out[r * n + t] = static_cast<real>(row[t].real() / double(n));
      });
  return y;
}

}  // namespace gradus::kernels
