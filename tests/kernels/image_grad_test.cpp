// The weight gradient of one image, and products written past the caches, against plain loops.
#include <doctest/doctest.h>

#include <cmath>

#include "core/kernels/conv_image_grad.h"
#include "core/kernels/stream_product.h"
#include "core/rng.h"

using namespace gradus;

TEST_CASE("kernels: weight gradient of one image") {
  struct Case {
    int64 out, in, h, w, pad_h, pad_w;
  };
  for (const Case& k :
       {Case{8, 8, 6, 6, 0, 0}, {9, 17, 7, 5, 1, 1}, {16, 33, 10, 12, 2, 0}, {64, 32, 9, 11, 0, 1}}) {
    CAPTURE(k.out);
    const ConvSpec spec{.pad_h = k.pad_h, .pad_w = k.pad_w};
    const Shape ws{k.out, k.in, 3, 3};
    REQUIRE(kernels::image_weight_grad_fits(ws, spec));
    const int64 oh = k.h + 2 * k.pad_h - 2, ow = k.w + 2 * k.pad_w - 2;
    Rng rng(3);
    const Tensor x = rng.normal_tensor({k.in, k.h, k.w}), g = rng.normal_tensor({k.out, oh, ow});
    const Tensor gate = rng.bernoulli_tensor(g.shape(), 0.5);
    for (const bool gated : {false, true})
      for (const bool add : {false, true}) {
        Tensor dw = Tensor::full(ws, 2);
        kernels::image_weight_grad(g.data(), gated ? gate.data() : nullptr, x.data(), k.h, k.w, ws, spec,
                                   dw.mutable_data(), add);
        double worst = 0, largest = 0;
        for (int64 o = 0; o < k.out; ++o)
          for (int64 c = 0; c < k.in; ++c)
            for (int64 i = 0; i < 3; ++i)
              for (int64 j = 0; j < 3; ++j) {
                double want = add ? 2 : 0;
                for (int64 r = 0; r < oh; ++r)
                  for (int64 q = 0; q < ow; ++q) {
                    const int64 row = r + i - k.pad_h, column = q + j - k.pad_w;
                    if (row < 0 || row >= k.h || column < 0 || column >= k.w) continue;
                    const int64 at = (o * oh + r) * ow + q;
                    if (gated && gate.data()[at] == 0) continue;
                    want += double(g.data()[at]) * double(x.data()[(c * k.h + row) * k.w + column]);
                  }
                worst = std::max(worst, std::abs(want - double(dw.at({o, c, i, j}))));
                largest = std::max(largest, std::abs(want));
              }
        CHECK(worst <= (sizeof(real) == 8 ? 1e-12 : 2e-5) * largest);
      }
  }
  CHECK_FALSE(kernels::image_weight_grad_fits({8, 4, 3, 3}, {}));
  CHECK_FALSE(kernels::image_weight_grad_fits({8, 8, 5, 5}, {}));
  CHECK_FALSE(kernels::image_weight_grad_fits({8, 8, 3, 3}, {.stride_h = 2}));
}

TEST_CASE("kernels: an outer product past the caches, aligned or not") {
  Rng rng(4);
  for (const int64 columns : {int64{64}, int64{7}}) {
    const Tensor a = rng.normal_tensor({5}), b = rng.normal_tensor({columns});
    Tensor out({5 * columns + 1});
    for (const int64 offset : {int64{0}, int64{1}}) {
      kernels::stream_outer_product(a.data(), 5, b.data(), columns, out.mutable_data() + offset);
      for (int64 r = 0; r < 5; ++r)
        for (int64 c = 0; c < columns; ++c)
          REQUIRE(out.data()[offset + r * columns + c] == a.data()[r] * b.data()[c]);
    }
  }
}
