#include "core/error.h"
#include "core/kernels/batch_norm.h"
#include "core/kernels/row_norm.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

// y, dx, dw, db of (x - mean) * rstd * w + b where element i belongs to statistics group[i] and parameter
// column[i].
struct Naive {
  Doubles y, dx, dw, db;
};
Naive normalise(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& g, double eps,
                const std::vector<int64>& group, const std::vector<int64>& column, bool centred, bool relu) {
  const size_t n = group.size();
  size_t groups = 0, columns = 0;
  for (size_t i = 0; i < n; ++i) {
    groups = std::max(groups, static_cast<size_t>(group[i]) + 1);
    columns = std::max(columns, static_cast<size_t>(column[i]) + 1);
  }
  Doubles mean(groups), var(groups), count(groups), sg(groups), sgx(groups), xhat(n), gw(n);
  for (size_t i = 0; i < n; ++i) count[size_t(group[i])] += 1, mean[size_t(group[i])] += x.data()[i];
  for (size_t k = 0; k < groups; ++k) mean[k] = centred ? mean[k] / count[k] : 0;
  for (size_t i = 0; i < n; ++i) {
    const size_t k = size_t(group[i]);
    var[k] += (x.data()[i] - mean[k]) * (x.data()[i] - mean[k]) / count[k];
  }
  Naive out{Doubles(n), Doubles(n), Doubles(columns), Doubles(columns)};
  for (size_t i = 0; i < n; ++i) {
    const size_t k = size_t(group[i]), c = size_t(column[i]);
    xhat[i] = (x.data()[i] - mean[k]) / std::sqrt(var[k] + eps);
    const double weight = w ? w.data()[c] : 1, y = xhat[i] * weight + (b ? b.data()[c] : 0);
    const double gi = relu && y <= 0 ? 0 : g.data()[i];
    out.y[i] = relu ? std::max(0.0, y) : y;
    out.dw[c] += gi * xhat[i];
    out.db[c] += gi;
    gw[i] = gi * weight;
    sg[k] += gw[i] / count[k];
    sgx[k] += gw[i] * xhat[i] / count[k];
  }
  for (size_t i = 0; i < n; ++i) {
    const size_t k = size_t(group[i]);
    out.dx[i] = (gw[i] - (centred ? sg[k] : 0) - xhat[i] * sgx[k]) / std::sqrt(var[k] + eps);
  }
  return out;
}

const double kNormTight = naive::tolerance(3e-6, 1e-12);

void check_batch(const Shape& shape, bool parameters, bool relu) {
  CAPTURE(shape.str());
  Rng rng(4);
  const Tensor x = rng.normal_tensor(shape, 3, 2), g = rng.normal_tensor(shape);
  const Tensor w = parameters ? rng.normal_tensor({shape[1]}, 1, real(0.3)) : Tensor();
  const Tensor b = parameters ? rng.normal_tensor({shape[1]}) : Tensor();
  std::vector<int64> channel(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < channel.size(); ++i) channel[i] = static_cast<int64>(i) / shape.stride(1) % shape[1];
  const Naive n = normalise(x, w, b, g, 1e-5, channel, channel, true, relu);
  kernels::BatchStats stats;
  CHECK(naive::error(kernels::batch_norm(x, w, b, real(1e-5), relu, stats), n.y) < kNormTight);
  const kernels::NormGrads d = kernels::batch_norm_grad(g, x, w, b, stats, relu);
  CHECK(naive::error(d.dx, n.dx) < kNormTight);
  CHECK(naive::error(d.dw, n.dw) < kNormTight);
  CHECK(naive::error(d.db, n.db) < kNormTight);
}

void check_rows(const Shape& shape, bool parameters) {
  CAPTURE(shape.str());
  Rng rng(6);
  const int64 d = shape[-1];
  const Tensor x = rng.normal_tensor(shape, 1, 2), g = rng.normal_tensor(shape);
  const Tensor w = parameters ? rng.normal_tensor({d}, 1, real(0.3)) : Tensor();
  const Tensor b = parameters ? rng.normal_tensor({d}) : Tensor();
  std::vector<int64> row(static_cast<size_t>(shape.numel())), column(row.size());
  for (size_t i = 0; i < row.size(); ++i) row[i] = int64(i) / d, column[i] = int64(i) % d;
  Tensor mean, rstd;
  Naive n = normalise(x, w, b, g, 1e-5, row, column, true, false);
  CHECK(naive::error(kernels::layer_norm(x, w, b, real(1e-5), &mean, &rstd), n.y) < kNormTight);
  CHECK(naive::error(kernels::layer_norm(x, w, b, real(1e-5)), n.y) < kNormTight);
  kernels::NormGrads grads = kernels::layer_norm_grad(g, x, w, mean, rstd, true);
  CHECK(naive::error(grads.dx, n.dx) < kNormTight);
  CHECK(naive::error(grads.dw, n.dw) < kNormTight);
  CHECK(naive::error(grads.db, n.db) < kNormTight);
  CHECK(naive::error(kernels::layer_norm_grad(g, x, w, mean, rstd, false).dx, n.dx) < kNormTight);
  n = normalise(x, w, {}, g, 1e-6, row, column, false, false);
  CHECK(naive::error(kernels::rms_norm(x, w, real(1e-6), &rstd), n.y) < kNormTight);
  grads = kernels::rms_norm_grad(g, x, w, rstd, true);
  CHECK(naive::error(grads.dx, n.dx) < kNormTight);
  CHECK(naive::error(grads.dw, n.dw) < kNormTight);
  CHECK_FALSE(grads.db.defined());
}

}  // namespace

TEST_CASE("batch_norm kernels: values and gradients equal plain double loops") {
  for (const bool relu : {false, true}) {
    check_batch({8, 16, 32, 32}, true, relu);
    check_batch({5, 3, 7, 7}, false, relu);
    check_batch({9, 5, 3}, true, relu);
    check_batch({64, 7}, true, relu);
  }
  // A large mean does not spoil the variance.
  const Tensor x = Tensor::from({4, 1}, {10001, 10002, 10003, 10004});
  kernels::BatchStats stats;
  kernels::batch_norm(x, {}, {}, 0, false, stats);
  CHECK(stats.var.item() == doctest::Approx(1.25));
  CHECK(stats.mean.item() == doctest::Approx(10002.5));
}

TEST_CASE("channel_affine: gain and offset by channel, NaN kept by relu") {
  const Tensor x = Tensor::from({1, 2, 2}, {1, -1, 2, NAN});
  const Tensor y = kernels::channel_affine(x, Tensor::from({2}, {2, 3}), Tensor::from({2}, {1, -7}), true);
  CHECK(y.at({0, 0, 0}) == 3);
  CHECK(y.at({0, 0, 1}) == 0);
  CHECK(y.at({0, 1, 0}) == 0);
  CHECK(std::isnan(y.at({0, 1, 1})));
}

TEST_CASE("layer_norm and rms_norm kernels: values and gradients equal plain double loops") {
  check_rows({700, 128}, true);
  check_rows({3, 5, 33}, true);
  check_rows({4, 7}, false);
  check_rows({6, 3}, true);
}

TEST_CASE("norm kernels: wrong shapes are refused") {
  kernels::BatchStats stats;
  const Tensor x = Tensor::zeros({2, 3, 4});
  CHECK_THROWS_AS(kernels::batch_norm(x, Tensor::zeros({4}), {}, 0, false, stats), ShapeError);
  CHECK_THROWS_AS(kernels::batch_norm(Tensor::zeros({3}), {}, {}, 0, false, stats), ShapeError);
  CHECK_THROWS_AS(kernels::layer_norm(x, Tensor::zeros({3}), {}, 0), ShapeError);
  CHECK_THROWS_AS(kernels::layer_norm_grad(x, x, {}, Tensor::zeros({5}), Tensor::zeros({5}), true),
                  ShapeError);
}
