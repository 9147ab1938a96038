#include "core/kernels/batch_norm.h"

#include <cmath>

#include "core/error.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

struct Channels {
  int64 n, c, inner;  // images, channels, elements of one channel of one image
  int64 count() const { return n * inner; }
  int64 grain() const { return kParallelGrain / std::max<int64>(1, 4 * count()); }
};

Channels channels_of(const char* op, const Tensor& x, std::initializer_list<const Tensor*> parameters) {
  if (x.rank() < 2) fail<ShapeError>("{}: x {} has no channels on axis 1", op, x.shape().str());
  for (const Tensor* p : parameters)
    if (p->defined() && !(p->shape() == Shape{x.dim(1)}))
      fail<ShapeError>("{}: parameter {} for x {}", op, p->shape().str(), x.shape().str());
  Channels s{x.dim(0), x.dim(1), 1};
  for (int axis = 2; axis < x.rank(); ++axis) s.inner *= x.dim(axis);
  return s;
}

// Mean and summed squared deviation of one channel.
struct Moments {
  double count = 0, mean = 0, square = 0;
  // Chan, Golub, LeVeque 1979: the moments of two sets together.
  void merge(double n, double m, double s) {
    const double total = count + n, delta = m - mean;
    mean += delta * n / total;
    square += s + delta * delta * count * n / total;
    count = total;
  }
};

// Planes of a channel lie far apart: the next one is called for while this one is at work.
inline void prefetch_plane(const real* p, int64 n) {
  constexpr int64 kLine = 64 / sizeof(real);
  for (int64 i = 0; i < n; i += kLine) __builtin_prefetch(p + i, 0, 2);
}

Moments moments(const real* x, const Channels& s) {
  Moments all;
  for (int64 image = 0; image < s.n; ++image, x += s.c * s.inner) {
    real sum = 0, square = 0;
    if (image + 1 < s.n) prefetch_plane(x + s.c * s.inner, s.inner);
#pragma omp simd reduction(+ : sum)
    for (int64 i = 0; i < s.inner; ++i) sum += x[i];
    const real mean = sum / static_cast<real>(s.inner);
#pragma omp simd reduction(+ : square)
    for (int64 i = 0; i < s.inner; ++i) square += (x[i] - mean) * (x[i] - mean);
    // Rounding of `mean` leaves sum(x - mean) unequal to 0; mean and square stay a consistent pair all the same.
    all.merge(static_cast<double>(s.inner), double(mean), double(square));
  }
  return all;
}

void affine_channel(const real* x, real* y, const Channels& s, real gain, real offset, bool relu) {
  for (int64 image = 0; image < s.n; ++image, x += s.c * s.inner, y += s.c * s.inner) {
    if (relu) {
      for (int64 i = 0; i < s.inner; ++i) {
        const real v = x[i] * gain + offset;
        y[i] = v <= 0 ? real{0} : v;
      }
    } else {
      for (int64 i = 0; i < s.inner; ++i) y[i] = x[i] * gain + offset;
    }
  }
}

// y = relu(x * gain + offset + z).
void affine_channel_onto(const real* x, const real* z, real* y, const Channels& s, real gain, real offset) {
  const int64 step = s.c * s.inner;
  for (int64 image = 0; image < s.n; ++image, x += step, z += step, y += step)
    for (int64 i = 0; i < s.inner; ++i) {
      const real v = x[i] * gain + offset + z[i];
      y[i] = v <= 0 ? real{0} : v;
    }
}

// g where relu(x * gain + offset) passes it on.
inline real passed(real g, real x, real gain, real offset) { return x * gain + offset > 0 ? g : real{0}; }

void check_shortcut(const Tensor& x, const Tensor& shortcut, bool relu) {
  if (shortcut && (!relu || !(shortcut.shape() == x.shape())))
    fail<ShapeError>("batch_norm: shortcut {} for x {}{}", shortcut.shape().str(), x.shape().str(),
                     relu ? "" : " without relu");
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, bool relu,
                  BatchStats& stats, const Tensor& shortcut) {
  const Channels s = channels_of("batch_norm", x, {&weight, &bias});
  check_shortcut(x, shortcut, relu);
  Tensor y(x.shape());
  stats = {Tensor({s.c}), Tensor({s.c}), Tensor({s.c})};
  const real *px = x.data(), *w = weight ? weight.data() : nullptr, *b = bias ? bias.data() : nullptr;
  real *py = y.mutable_data(), *mean = stats.mean.mutable_data(), *var = stats.var.mutable_data();
  real* rstd = stats.rstd.mutable_data();
  parallel_for(s.c, s.grain(), [&](int64 begin, int64 end) {
    for (int64 c = begin; c < end; ++c) {
      const Moments m = moments(px + c * s.inner, s);
      const double v = s.count() ? m.square / static_cast<double>(s.count()) : 0;
      mean[c] = static_cast<real>(m.mean);
      var[c] = static_cast<real>(v);
      rstd[c] = static_cast<real>(1 / std::sqrt(v + double(eps)));
      const real gain = (w ? w[c] : 1) * rstd[c];
      const real offset = (b ? b[c] : 0) - mean[c] * gain;
      if (shortcut)
        affine_channel_onto(px + c * s.inner, shortcut.data() + c * s.inner, py + c * s.inner, s, gain,
                            offset);
      else
        affine_channel(px + c * s.inner, py + c * s.inner, s, gain, offset, relu);
    }
  });
  return y;
}

NormGrads batch_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const BatchStats& stats, bool relu, const Tensor& shortcut) {
  const Channels s = channels_of("batch_norm_grad", x, {&weight, &bias, &stats.mean, &stats.rstd});
  if (!(g.shape() == x.shape()))
    fail<ShapeError>("batch_norm_grad: gradient {} for x {}", g.shape().str(), x.shape().str());
  check_shortcut(x, shortcut, relu);
  NormGrads out{Tensor(x.shape()), Tensor({s.c}), Tensor({s.c}), shortcut ? Tensor(x.shape()) : Tensor()};
  const real* ps = shortcut ? shortcut.data() : nullptr;
  real* ds = shortcut ? out.ds.mutable_data() : nullptr;
  const real *pg = g.data(), *px = x.data();
  const real *w = weight ? weight.data() : nullptr, *b = bias ? bias.data() : nullptr;
  const real *mean = stats.mean.data(), *rstd = stats.rstd.data();
  real *dx = out.dx.mutable_data(), *dw = out.dw.mutable_data(), *db = out.db.mutable_data();
  parallel_for(s.c, s.grain(), [&](int64 begin, int64 end) {
    for (int64 c = begin; c < end; ++c) {
      const real m = mean[c], r = rstd[c], gain = (w ? w[c] : 1) * r, offset = (b ? b[c] : 0) - m * gain;
      double sum_g = 0, sum_gx = 0;
      for (int64 image = 0; image < s.n; ++image) {
        const real *gi = pg + (image * s.c + c) * s.inner, *xi = px + (image * s.c + c) * s.inner;
        real sg = 0, sgx = 0;
        if (image + 1 < s.n) {
          prefetch_plane(gi + s.c * s.inner, s.inner);
          prefetch_plane(xi + s.c * s.inner, s.inner);
        }
        if (shortcut) {
          const real* si = ps + (image * s.c + c) * s.inner;
          real* di = ds + (image * s.c + c) * s.inner;
          if (image + 1 < s.n) prefetch_plane(si + s.c * s.inner, s.inner);
#pragma omp simd reduction(+ : sg, sgx)
          for (int64 i = 0; i < s.inner; ++i) {
            const real v = xi[i] * gain + offset + si[i] > 0 ? gi[i] : real{0};
            di[i] = v;
            sg += v;
            sgx += v * (xi[i] - m);
          }
        } else if (relu) {
#pragma omp simd reduction(+ : sg, sgx)
          for (int64 i = 0; i < s.inner; ++i) {
            const real v = passed(gi[i], xi[i], gain, offset);
            sg += v;
            sgx += v * (xi[i] - m);
          }
        } else {
#pragma omp simd reduction(+ : sg, sgx)
          for (int64 i = 0; i < s.inner; ++i) {
            sg += gi[i];
            sgx += gi[i] * (xi[i] - m);
          }
        }
        sum_g += double(sg);
        sum_gx += double(sgx);
      }
      db[c] = static_cast<real>(sum_g);
      dw[c] = static_cast<real>(sum_gx * double(r));
      // dx = gain * (g - sum_g/count - (x - m) * slope)
      const double count = static_cast<double>(std::max<int64>(1, s.count()));
      const real shift = static_cast<real>(sum_g / count);
      const real slope = static_cast<real>(sum_gx * double(r) * double(r) / count);
      for (int64 image = 0; image < s.n; ++image) {
        const int64 at = (image * s.c + c) * s.inner;
        if (shortcut) {
          for (int64 i = at; i < at + s.inner; ++i) dx[i] = gain * (ds[i] - shift - (px[i] - m) * slope);
        } else if (relu) {
          for (int64 i = at; i < at + s.inner; ++i)
            dx[i] = gain * (passed(pg[i], px[i], gain, offset) - shift - (px[i] - m) * slope);
        } else {
          for (int64 i = at; i < at + s.inner; ++i) dx[i] = gain * (pg[i] - shift - (px[i] - m) * slope);
        }
      }
    }
  });
  return out;
}

Tensor channel_affine(const Tensor& x, const Tensor& gain, const Tensor& offset, bool relu) {
  const Channels s = channels_of("channel_affine", x, {&gain, &offset});
  Tensor y(x.shape());
  const real *px = x.data(), *a = gain.data(), *b = offset.data();
  real* py = y.mutable_data();
  const Channels one{1, s.c, s.inner};
  parallel_for(s.n * s.c, kParallelGrain / std::max<int64>(1, s.inner), [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i)
      affine_channel(px + i * s.inner, py + i * s.inner, one, a[i % s.c], b[i % s.c], relu);
  });
  return y;
}

}  // namespace gradus::kernels
