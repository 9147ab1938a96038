#include "core/kernels/softmax.h"

#include "core/error.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {
const double kSoftmaxTight = naive::tolerance(1e-6, 1e-13);

// log of the softmax of each row.
Doubles log_probabilities(const Tensor& x) {
  const int64 c = x.dim(-1);
  Doubles out = naive::doubles(x);
  for (size_t row = 0; row < out.size(); row += size_t(c)) {
    double most = -INFINITY, sum = 0;
    for (size_t j = row; j < row + size_t(c); ++j) most = std::max(most, out[j]);
    for (size_t j = row; j < row + size_t(c); ++j) sum += std::exp(out[j] - most);
    for (size_t j = row; j < row + size_t(c); ++j) out[j] -= most + std::log(sum);
  }
  return out;
}
}  // namespace

TEST_CASE("softmax kernels: values and gradients equal plain double loops") {
  Rng rng(8);
  for (const Shape& shape : {Shape{500, 10}, Shape{3, 4, 65}, Shape{2, 1}, Shape{7, 1000}}) {
    const Tensor x = rng.normal_tensor(shape, 50, 3), g = rng.normal_tensor(shape);
    const int64 c = shape[-1];
    const Doubles log_p = log_probabilities(x);
    Doubles p(log_p.size()), dx(p.size()), dlog(p.size());
    for (size_t i = 0; i < p.size(); ++i) p[i] = std::exp(log_p[i]);
    for (size_t i = 0; i < p.size(); ++i) {
      const size_t row = i / size_t(c) * size_t(c);
      double dot = 0, sum = 0;
      for (size_t j = row; j < row + size_t(c); ++j) dot += g.data()[j] * p[j], sum += g.data()[j];
      dx[i] = p[i] * (g.data()[i] - dot);
      dlog[i] = g.data()[i] - p[i] * sum;
    }
    const Tensor y = kernels::softmax(x), z = kernels::log_softmax(x);
    CHECK(naive::error(y, p) < kSoftmaxTight);
    CHECK(naive::error(z, log_p) < kSoftmaxTight);
    CHECK(naive::error(kernels::softmax_grad(g, y), dx) < 2 * kSoftmaxTight);
    CHECK(naive::error(kernels::log_softmax_grad(g, z), dlog) < 4 * kSoftmaxTight);
  }
}

TEST_CASE("cross_entropy_rows: losses and gradients, with and without smoothing") {
  Rng rng(9);
  const int64 n = 300, c = 17;
  const Tensor x = rng.normal_tensor({n, c}, 0, 4), g = rng.normal_tensor({n});
  IntTensor labels({n});
  for (int64 i = 0; i < n; ++i) labels.mutable_data()[i] = rng.below(c);
  const Doubles log_p = log_probabilities(x);
  for (const double s : {0.0, 0.1}) {
    Doubles loss(size_t(n), 0.0), dx(log_p.size());
    for (size_t i = 0; i < dx.size(); ++i) {
      const size_t row = i / size_t(c);
      const double target = (int64(i) % c == labels[int64(row)] ? 1 - s : 0) + s / double(c);
      loss[row] -= target * log_p[i];
      dx[i] = g.data()[row] * (std::exp(log_p[i]) - target);
    }
    Tensor lse;
    CHECK(naive::error(kernels::cross_entropy_rows(x, labels, real(s), &lse), loss) < kSoftmaxTight);
    CHECK(naive::error(kernels::cross_entropy_rows_grad(g, x, labels, real(s), lse), dx) < 4 * kSoftmaxTight);
  }
}

TEST_CASE("softmax kernels: NaN, infinities, wrong shapes") {
  const Tensor y = kernels::softmax(Tensor::from({3, 2}, {0, -INFINITY, NAN, 1, 1000, 1000}));
  CHECK(y.values()[0] == 1);
  CHECK(y.values()[1] == 0);
  CHECK(std::isnan(y.values()[2]));
  CHECK(std::isnan(y.values()[3]));
  CHECK(y.values()[4] == real(0.5));
  CHECK_THROWS_AS(kernels::softmax(Tensor::zeros({2, 0})), ShapeError);
  CHECK_THROWS_AS(kernels::softmax_grad(Tensor::zeros({2, 3}), Tensor::zeros({3, 2})), ShapeError);
}
