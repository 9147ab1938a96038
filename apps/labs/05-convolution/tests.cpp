#include "conv.h"
#include "fast.h"
#include "lab_test.h"

using lab::expect_equal;
using lab::expect_near;
using lab::hint;

static Images draw(size_t n, size_t c, size_t h, size_t w, unsigned seed) {
  return Images(n, c, h, w, lab::Numbers(seed).take(n * c * h * w));
}
static Images counting(size_t c, size_t h, size_t w) {
  Images x(1, c, h, w);
  for (size_t i = 0; i < x.data.size(); ++i) x.data[i] = double(i);
  return x;
}
// The convolution by its definition, for the tests alone.
static Images reference(const Images& x, const Images& k, size_t stride, size_t pad) {
  Images y(x.n, k.n, (x.h + 2 * pad - k.h) / stride + 1, (x.w + 2 * pad - k.w) / stride + 1);
  for (size_t at = 0; at < y.data.size(); ++at) {
    const size_t b = at % y.w, a = at / y.w % y.h, o = at / y.w / y.h % y.c, i = at / y.w / y.h / y.c;
    for (size_t e = 0; e < k.c * k.h * k.w; ++e)
      y.data[at] += k.data[o * k.c * k.h * k.w + e] * x.padded(i, e / k.w / k.h,
                                                               long(a * stride + e / k.w % k.h) - long(pad),
                                                               long(b * stride + e % k.w) - long(pad));
  }
  return y;
}
static double dot(const Images& a, const Images& b) {
  double s = 0;
  for (size_t i = 0; i < a.data.size(); ++i) s += a.data[i] * b.data[i];
  return s;
}
// The convolution is linear in x and in the kernel: its slopes are differences of any size.
static std::vector<double> slopes(Images& in, const Images& x, const Images& k, const Images& g,
                                  size_t stride, size_t pad) {
  std::vector<double> out;
  for (double& v : in.data) {
    v += 0.5;
    const double up = dot(reference(x, k, stride, pad), g);
    v -= 1;
    out.push_back(up - dot(reference(x, k, stride, pad), g));
    v += 0.5;
  }
  return out;
}

LAB_TEST("1.1", 2, "places") {
  expect_equal(places(28, 3, {}), size_t(26), "28 pixels, kernel 3");
  expect_equal(places(32, 3, {2, 1}), size_t(16), "32 pixels, kernel 3, stride 2, padding 1");
  expect_equal(places(5, 2, {2, 0}), size_t(2), "5 pixels, kernel 2, stride 2");
}
LAB_TEST("1.2", 6, "convolution") {
  hint("the kernel is not flipped; its first pixel lies `padding` before the image");
  const Images k(1, 1, 2, 2, {1, 0, 0, 10});
  expect_near(conv2d(counting(1, 3, 3), k, {}).data, {40, 51, 73, 84},
              "(0..8) as 3 x 3, kernel ((1, 0), (0, 10))");
  const Images x = draw(2, 2, 5, 4, 1), kernel = draw(3, 2, 3, 2, 2);
  expect_near(conv2d(x, kernel, {2, 1}).data, reference(x, kernel, 2, 1).data,
              "2 images 2 x 5 x 4, kernel 3 x 2 x 3 x 2, stride 2, padding 1");
}
LAB_TEST("2.1", 6, "the gradient in the input") {
  hint("each product of the forward sum gives one here: g at (a, b) goes back to where the pixel was read");
  Images x = draw(2, 2, 5, 4, 1);
  const Images k = draw(3, 2, 3, 2, 2), g = draw(2, 3, 3, 3, 3);
  expect_near(conv2d_input_gradient(g, k, 5, 4, {2, 1}).data, slopes(x, x, k, g, 2, 1),
              "stride 2, padding 1, against differences", 1e-8);
}
LAB_TEST("2.2", 6, "the gradient in the kernel") {
  hint("sums over all images and places");
  const Images x = draw(2, 2, 5, 4, 1);
  Images k = draw(3, 2, 3, 2, 2);
  const Images g = draw(2, 3, 3, 3, 3);
  expect_near(conv2d_kernel_gradient(x, g, 3, 2, {2, 1}).data, slopes(k, x, k, g, 2, 1),
              "stride 2, padding 1, against differences", 1e-8);
}
LAB_TEST("3.1", 4, "max pooling") {
  hint("the first of equals; the last row and column of an odd image are left out");
  const Images x(1, 1, 3, 4, {1, 5, 2, 2, 5, 0, -1, 2, 9, 9, 9, 9});
  const Pooled p = max_pool(x, 2);
  expect_near(p.y.data, {5, 2}, "3 x 4, windows 2 x 2");
  expect_equal(p.from, std::vector<size_t>{1, 2}, "where they come from");
  const Images low(1, 1, 2, 2, {-3, -2, -4, -5});
  expect_near(max_pool(low, 2).y.data, {-2}, "numbers below 0");
}
LAB_TEST("3.2", 3, "its gradient") {
  const Images x(1, 1, 2, 4);
  Pooled p{Images(1, 1, 1, 2), {1, 6}};
  expect_near(max_pool_backward(x, p, Images(1, 1, 1, 2, {3, 4})).data, {0, 3, 0, 0, 0, 0, 4, 0},
              "maxima from places 1 and 6, g = (3, 4)");
}
LAB_TEST("3.3", 3, "the gradient of mean pooling") {
  const Images x(1, 1, 2, 5);
  expect_near(mean_pool_backward(x, Images(1, 1, 1, 2, {4, 8}), 2).data, {1, 1, 2, 2, 0, 1, 1, 2, 2, 0},
              "2 x 5, windows 2 x 2, g = (4, 8)");
}
LAB_TEST("4.1", 5, "im2col") {
  const Matrix m = im2col(counting(2, 2, 2), 0, 2, 1, {1, 0});
  expect_near({double(m.rows), double(m.cols)}, {4, 2}, "2 x 2 x 2, kernel 2 x 1: size");
  expect_near(m.data, {0, 1, 2, 3, 4, 5, 6, 7}, "its elements");
  expect_near(im2col(counting(1, 2, 3), 0, 2, 2, {1, 0}).data, {0, 1, 1, 2, 3, 4, 4, 5},
              "1 x 2 x 3, kernel 2 x 2: its columns run fastest");
  expect_near(im2col(counting(1, 2, 2), 0, 1, 1, {1, 1}).data,
              {0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 3, 0, 0, 0, 0, 0}, "1 x 1, padding 1");
}
LAB_TEST("4.2", 5, "a product by blocks") {
  hint("the last block may be smaller");
  const Matrix a(5, 7, lab::Numbers(1).take(35)), b(7, 6, lab::Numbers(2).take(42));
  expect_near(blocked_product(a, b, 3).data, product(a, b).data, "5 x 7 times 7 x 6, blocks of 3");
  expect_near(blocked_product(a, b, 64).data, product(a, b).data, "blocks of 64");
}
LAB_TEST("4.3", 4, "convolution by a product") {
  const Images x = draw(2, 2, 5, 4, 1), k = draw(3, 2, 3, 2, 2);
  expect_near(fast_conv2d(x, k, {2, 1}).data, reference(x, k, 2, 1).data,
              "2 images 2 x 5 x 4, kernel 3 x 2 x 3 x 2, stride 2, padding 1");
}
LAB_TEST("5.1", 2, "operations") {
  hint("every output pixel has a product and an addition for every number of its kernel");
  expect_near(conv_operations(Images(2, 3, 8, 8), Images(4, 3, 3, 3), {1, 1}), 2.0 * 2 * 108 * 64,
              "2 images 3 x 8 x 8, 4 kernels 3 x 3 x 3, padding 1");
}
LAB_TEST("5.2", 2, "intensity") {
  expect_near(conv_intensity(Images(2, 3, 8, 8), Images(4, 3, 3, 3), {1, 1}, 4),
              27648.0 / (4 * (384 + 108 + 512)), "the same, floats");
}
LAB_TEST("5.3", 2, "roofline") {
  expect_near({roofline(2, 100, 10), roofline(50, 100, 10)}, {20, 100},
              "intensities 2 and 50, peak 100, bandwidth 10");
}

LAB_MAIN
