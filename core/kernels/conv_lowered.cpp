#include "core/kernels/conv_lowered.h"

#include <algorithm>
#include <vector>

#include "core/blas.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

// Extents of one call, per group.
struct Geometry {
  int64 n, c, h, w;  // images, input channels of a group, input extents
  int64 o, oh, ow;   // output channels of a group, output extents
  int64 kh, kw;      // kernel extents
  int64 groups;      // groups
  int64 k() const { return c * kh * kw; }
  int64 pixels() const { return oh * ow; }
};

Geometry geometry(const Shape& x, const Shape& w, const Shape& y, int64 groups) {
  return {x[0], x[1] / groups, x[2], x[3], w[0] / groups, y[2], y[3], w[2], w[3], groups};
}

// The outputs o of 0..out-1 whose input o*stride + offset lies in 0..in-1: [first, last).
struct Valid {
  int64 first, last;
};
Valid valid(int64 offset, int64 stride, int64 in, int64 out) {
  const int64 first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const int64 last = offset >= in ? 0 : (in - 1 - offset) / stride + 1;
  return {std::min(first, out), std::clamp<int64>(last, std::min(first, out), out)};
}

// One group of one image (C,H,W) to columns (C*KH*KW, OH*OW).
void image_to_columns(const Geometry& s, const ConvSpec& spec, const real* x, real* columns) {
  for (int64 c = 0; c < s.c; ++c)
    for (int64 i = 0; i < s.kh; ++i)
      for (int64 j = 0; j < s.kw; ++j) {
        const Valid rows = valid(i * spec.dilation_h - spec.pad_h, spec.stride_h, s.h, s.oh);
        const Valid cols = valid(j * spec.dilation_w - spec.pad_w, spec.stride_w, s.w, s.ow);
        for (int64 r = 0; r < s.oh; ++r, columns += s.ow) {
          if (r < rows.first || r >= rows.last) {
            std::fill_n(columns, s.ow, real{0});
            continue;
          }
          const real* in = x + (c * s.h + r * spec.stride_h + i * spec.dilation_h - spec.pad_h) * s.w;
          in += j * spec.dilation_w - spec.pad_w;
          std::fill_n(columns, cols.first, real{0});
          for (int64 q = cols.first; q < cols.last; ++q) columns[q] = in[q * spec.stride_w];
          std::fill(columns + cols.last, columns + s.ow, real{0});
        }
      }
}

// The adjoint: adds columns to the image they came from.
void columns_to_image(const Geometry& s, const ConvSpec& spec, const real* columns, real* x) {
  for (int64 c = 0; c < s.c; ++c)
    for (int64 i = 0; i < s.kh; ++i)
      for (int64 j = 0; j < s.kw; ++j) {
        const Valid rows = valid(i * spec.dilation_h - spec.pad_h, spec.stride_h, s.h, s.oh);
        const Valid cols = valid(j * spec.dilation_w - spec.pad_w, spec.stride_w, s.w, s.ow);
        for (int64 r = 0; r < s.oh; ++r, columns += s.ow) {
          if (r < rows.first || r >= rows.last) continue;
          real* out = x + (c * s.h + r * spec.stride_h + i * spec.dilation_h - spec.pad_h) * s.w;
          out += j * spec.dilation_w - spec.pad_w;
          for (int64 q = cols.first; q < cols.last; ++q) out[q * spec.stride_w] += columns[q];
        }
      }
}

}  // namespace

Tensor conv2d_lowered(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu) {
  Tensor y(conv2d_shape(x.shape(), w.shape(), spec));
  const Geometry s = geometry(x.shape(), w.shape(), y.shape(), spec.groups);
  const real *px = x.data(), *pw = w.data(), *pb = bias ? bias.data() : nullptr;
  real* py = y.mutable_data();
  const int64 image_work = std::max<int64>(1, s.groups * s.o * s.k() * s.pixels());
  parallel_for(s.n, kParallelGrain / image_work, [&](int64 begin, int64 end) {
    const ScratchBlock scratch(static_cast<std::size_t>(s.k() * s.pixels()) * sizeof(real));
    real* columns = static_cast<real*>(scratch.data());
    for (int64 n = begin; n < end; ++n)
      for (int64 g = 0; g < s.groups; ++g) {
        image_to_columns(s, spec, px + (n * s.groups + g) * s.c * s.h * s.w, columns);
        real* out = py + (n * s.groups + g) * s.o * s.pixels();
        gemm(false, false, s.o, s.pixels(), s.k(), 1, pw + g * s.o * s.k(), s.k(), columns, s.pixels(), 0,
             out, s.pixels());
        for (int64 o = 0; (pb || relu) && o < s.o; ++o) {
          const real b = pb ? pb[g * s.o + o] : 0;
          for (int64 p = o * s.pixels(); p < (o + 1) * s.pixels(); ++p) {
            const real v = out[p] + b;
            out[p] = relu && v < 0 ? 0 : v;
          }
        }
      }
  });
  return y;
}

Tensor conv2d_input_grad_lowered(const Tensor& g, const Tensor& w, const Shape& x_shape,
                                 const ConvSpec& spec) {
  Tensor dx = Tensor::zeros(x_shape);
  const Geometry s = geometry(x_shape, w.shape(), g.shape(), spec.groups);
  const real *pg = g.data(), *pw = w.data();
  real* px = dx.mutable_data();
  const int64 image_work = std::max<int64>(1, s.groups * s.o * s.k() * s.pixels());
  parallel_for(s.n, kParallelGrain / image_work, [&](int64 begin, int64 end) {
    const ScratchBlock scratch(static_cast<std::size_t>(s.k() * s.pixels()) * sizeof(real));
    real* columns = static_cast<real*>(scratch.data());
    for (int64 n = begin; n < end; ++n)
      for (int64 group = 0; group < s.groups; ++group) {
        gemm(true, false, s.k(), s.pixels(), s.o, 1, pw + group * s.o * s.k(), s.k(),
             pg + (n * s.groups + group) * s.o * s.pixels(), s.pixels(), 0, columns, s.pixels());
        columns_to_image(s, spec, columns, px + (n * s.groups + group) * s.c * s.h * s.w);
      }
  });
  return dx;
}

Tensor conv2d_weight_grad_lowered(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                  const ConvSpec& spec) {
  const Geometry s = geometry(x.shape(), w_shape, g.shape(), spec.groups);
  const int64 size = w_shape.numel();
  const int64 image_work = std::max<int64>(1, s.groups * s.o * s.k() * s.pixels());
  // One partial sum per part of the batch, added up in order: the same result on every run with as many
  // threads.
  const int64 parts = std::clamp<int64>(s.n / std::max<int64>(1, kParallelGrain / image_work), 1, threads());
  Tensor partial = Tensor::zeros({parts, std::max<int64>(size, 1)});
  const real *pg = g.data(), *px = x.data();
  real* pw = partial.mutable_data();
  parallel_for(parts, 1, [&](int64 first, int64 last) {
    const ScratchBlock scratch(static_cast<std::size_t>(s.k() * s.pixels()) * sizeof(real));
    real* columns = static_cast<real*>(scratch.data());
    for (int64 part = first; part < last; ++part)
      for (int64 n = s.n * part / parts; n < s.n * (part + 1) / parts; ++n)
        for (int64 group = 0; group < s.groups; ++group) {
          image_to_columns(s, spec, px + (n * s.groups + group) * s.c * s.h * s.w, columns);
          gemm(false, true, s.o, s.k(), s.pixels(), 1, pg + (n * s.groups + group) * s.o * s.pixels(),
               s.pixels(), columns, s.pixels(), 1, pw + part * size + group * s.o * s.k(), s.k());
        }
  });
  Tensor dw(w_shape);
  real* out = dw.mutable_data();
  std::copy_n(pw, size, out);
  for (int64 part = 1; part < parts; ++part)
    for (int64 i = 0; i < size; ++i) out[i] += pw[part * size + i];
  return dw;
}

}  // namespace gradus::kernels
