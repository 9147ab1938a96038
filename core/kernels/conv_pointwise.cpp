#include "core/kernels/conv_pointwise.h"

#include <algorithm>

#include "core/kernels/gemm.h"
#include "core/kernels/partial_sums.h"

namespace gradus::kernels {
namespace {

struct Extents {
  int64 images, in, out, pixels;
};

// Pixels whose panels are packed together: most of the second-level cache.
int64 strip_of(int64 k, int64 pixels) {
  constexpr int64 kNumbers = int64{1} << 16;
  return std::min((pixels + kPanel - 1) / kPanel, std::max<int64>(1, kNumbers / k / kPanel)) * kPanel;
}

// y (rows,pixels) = A (rows,k) times an image x (k,pixels), a strip of pixels at a time; `panels` holds panel_numbers(k, strip).
// A few rows of y at a time, each as far as the strip goes: planes lie a power of two apart, and all rows at once would
// fall into the same few sets of the cache.
template <class Finish>
void image_product(const MatrixView& a, int64 rows, int64 k, const real* x, int64 pixels, int64 strip,
                   real* panels, real* y, const Finish& finish) {
  for (int64 p = 0; p < pixels; p += strip) {
    const int64 wide = std::min(strip, pixels - p);
    pack_pieces(matrix_view(x + p, pixels), k, wide, 1, panels);
    for (int64 r = 0; r < rows; r += kTileRows) {
      const int64 some = std::min<int64>(kTileRows, rows - r);
      multiply_pieces(a.from(r, 0), some, k, wide, panels, y + r * pixels + p, pixels, false);
      finish(r, some, p, wide);
    }
  }
}

// dw (O,C) += g (O,P) x' of one image; `panels` holds panel_numbers(P, C).
void add_weight_grad(const Extents& s, const real* g, const real* x, real* panels, real* dw) {
  pack_pieces(matrix_view(x, s.pixels, true), s.pixels, s.in, 1, panels);
  multiply_pieces(matrix_view(g, s.pixels), s.out, s.pixels, s.in, panels, dw, s.in, true);
}

int64 vectors(int64 numbers) { return (numbers + kLanes - 1) / kLanes; }

}  // namespace

bool pointwise_fits(const Shape& x, const Shape& w, const ConvSpec& spec) {
  // On fewer pixels turning images is cheap beside the product.
  constexpr int64 kPixels = 64;
  return kVectorBytes == 64 && w[2] == 1 && w[3] == 1 && spec.groups == 1 && spec.stride_h == 1 &&
         spec.stride_w == 1 && spec.pad_h == 0 && spec.pad_w == 0 && x[2] * x[3] >= kPixels &&
         std::min(w[0], w[1]) >= 4;
}

Tensor conv2d_pointwise(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec,
                        bool relu) {
  Tensor y(conv2d_shape(x.shape(), w.shape(), spec));
  const Extents s{x.dim(0), x.dim(1), w.dim(0), x.dim(2) * x.dim(3)};
  const real *px = x.data(), *pw = w.data(), *pb = bias ? bias.data() : nullptr;
  real* py = y.mutable_data();
  parallel_for(s.images, 1, [&](int64 begin, int64 end) {
    const int64 strip = strip_of(s.in, s.pixels);
    LaneBuffer panels(vectors(panel_numbers(s.in, strip)));
    for (int64 n = begin; n < end; ++n) {
      real* out = py + n * s.out * s.pixels;
      image_product(matrix_view(pw, s.in), s.out, s.in, px + n * s.in * s.pixels, s.pixels, strip,
                    panels.data(), out, [&](int64 r, int64 some, int64 p, int64 wide) {
                      for (int64 o = r; (pb || relu) && o < r + some; ++o) {
                        real* row = out + o * s.pixels + p;
                        const real b = pb ? pb[o] : 0;
                        for (int64 i = 0; i < wide; ++i) {
                          const real v = row[i] + b;
                          row[i] = relu && v <= 0 ? real{0} : v;
                        }
                      }
                    });
    }
  });
  return y;
}

Tensor conv2d_input_grad_pointwise(const Tensor& g, const Tensor& w, const Shape& x_shape, const ConvSpec&) {
  Tensor dx(x_shape);
  const Extents s{x_shape[0], x_shape[1], w.dim(0), x_shape[2] * x_shape[3]};
  const real *pg = g.data(), *pw = w.data();
  real* to = dx.mutable_data();
  parallel_for(s.images, 1, [&](int64 begin, int64 end) {
    const int64 strip = strip_of(s.out, s.pixels);
    LaneBuffer panels(vectors(panel_numbers(s.out, strip)));
    for (int64 n = begin; n < end; ++n)
      image_product(matrix_view(pw, s.in, true), s.in, s.out, pg + n * s.out * s.pixels, s.pixels, strip,
                    panels.data(), to + n * s.in * s.pixels, [](int64, int64, int64, int64) {});
  });
  return dx;
}

Tensor conv2d_weight_grad_pointwise(const Tensor& g, const Tensor& x, const Shape& w_shape, const ConvSpec&) {
  Tensor dw(w_shape);
  const Extents s{x.dim(0), x.dim(1), w_shape[0], x.dim(2) * x.dim(3)};
  const real *pg = g.data(), *px = x.data();
  sum_in_parts(s.images, 1, dw.numel(), dw.mutable_data(), [&](int64 begin, int64 end, real* sums) {
    LaneBuffer panels(vectors(panel_numbers(s.pixels, s.in)));
    for (int64 n = begin; n < end; ++n)
      add_weight_grad(s, pg + n * s.out * s.pixels, px + n * s.in * s.pixels, panels.data(), sums);
  });
  return dw;
}

}  // namespace gradus::kernels
