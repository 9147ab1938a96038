// Relaxed sorting, NeuralNDCG and the ranking losses beside it: the paper's figures, invariants, finite differences.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "autograd/grad.h"
#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/ranking/approx_ndcg.h"
#include "nn/ranking/list_losses.h"
#include "nn/ranking/ndcg.h"
#include "nn/ranking/neural_sort.h"
#include "nn/ranking/neuralndcg.h"
#include "nn/ranking/ranking_losses.h"
#include "tests/nn/compare.h"
#include "tests/precision.h"

namespace gradus::ranking_tests {

using tests::gap;
using tests::kDouble;

constexpr double kNear = kDouble ? 1e-12 : 2e-6;

ListMask whole(int64 lists, int64 items) { return ListMask(IntTensor::full({lists, items}, 0)); }
ListMask last_padded() { return ListMask(IntTensor::from({2, 5}, {0, 0, 0, 1, 1, 0, 0, 0, 0, 1})); }

// A list of the paper's card: three items.
Tensor three(std::initializer_list<real> scores) { return Tensor::from({1, 3}, scores); }
const IntTensor& three_labels() {
  static const IntTensor labels = IntTensor::from({1, 3}, {0, 2, 1});
  return labels;
}
double three_loss(std::initializer_list<real> scores, const NeuralNdcgOptions& options = {}) {
  return neuralndcg(three(scores), three_labels(), options).item();
}
NeuralNdcgOptions at_temperature(double temperature) {
  NeuralNdcgOptions options;
  options.temperature = temperature;
  return options;
}

void check_matrix(const Tensor& P, const std::vector<double>& expected) {
  REQUIRE(P.numel() == static_cast<int64>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(P.data()[i] == doctest::Approx(expected[i]).epsilon(2e-6));
}

TEST_CASE("neuralndcg: the card's figures for scores 1, 3, 2") {
  const Tensor P = neural_sort(three({1, 3, 2}), whole(1, 3));
  check_matrix(P, {.0132129, .7213991, .2653879, .2119416, .2119416, .5761169, .7213991, .0132129, .2653879});
  SinkhornOptions five;
  five.max_iter = 5;
  const SinkhornResult scaled = sinkhorn(P, whole(1, 3), five);
  CHECK(scaled.iterations <= 5);
  check_matrix(scaled.matrix,
               {.0137919, .7530130, .2331950, .2331947, .2331947, .5336106, .7530130, .0137919, .2331950});
  CHECK(three_loss({1, 3, 2}) == doctest::Approx(-0.9384866).epsilon(1e-6));
  NeuralNdcgOptions without;
  without.max_iter = 0;
  CHECK(three_loss({1, 3, 2}, without) == doctest::Approx(-0.9217333).epsilon(1e-6));
  CHECK(three_loss({1, 3, 2}, at_temperature(0.1)) == doctest::Approx(-0.9999891).epsilon(1e-6));
  CHECK(three_loss({1, 3, 2}, at_temperature(10)) == doctest::Approx(-0.8097983).epsilon(1e-6));
}

TEST_CASE("neuralndcg: a wrong order of three") {
  CHECK(ideal_dcg(three_labels()).item() == doctest::Approx(3.6309297).epsilon(1e-7));
  CHECK(three_loss({3, 1, 2}) == doctest::Approx(-0.6331015).epsilon(1e-6));
  CHECK(ndcg(three({3, 1, 2}), three_labels()).item() == doctest::Approx(0.5868827).epsilon(1e-6));
}

TEST_CASE("neuralndcg: sorting gains or discounts is the same number") {
  Rng rng(3);
  const Tensor s = rng.normal_tensor({3, 6});
  const IntTensor y = IntTensor::from({3, 6}, {4, 0, 1, 2, 0, 1, 0, 1, 1, 3, -1, -1, 2, 2, 2, 2, 2, 0});
  for (const int64 k : {0, 1, 3, 9}) {
    NeuralNdcgOptions options;
    options.k = k;
    const double loss = neuralndcg(s, y, options).item();
    options.transposed = true;
    CHECK(neuralndcg(s, y, options).item() == doctest::Approx(loss).epsilon(kNear));
  }
}

TEST_CASE("neural_sort: rows sum to 1; sinkhorn: rows and columns") {
  Rng rng(4);
  const Tensor P = neural_sort(rng.normal_tensor({2, 7}, 0, 2), whole(2, 7));
  SinkhornOptions patient;
  patient.max_iter = 5000;
  const auto [M, iterations] = sinkhorn(P, whole(2, 7), patient);
  CHECK(iterations < 5000);
  CHECK(gap(sum(P, {2}), Tensor::ones({2, 7})) < kNear);
  CHECK(gap(sum(M, {2}), Tensor::ones({2, 7})) < kNear);
  CHECK(gap(sum(M, {1}), Tensor::ones({2, 7})) < 3e-6);
  CHECK(gap(sum(P, {1}), Tensor::ones({2, 7})) > 1e-2);
}

TEST_CASE("sinkhorn: columns first, then rows, until the sums are near 1") {
  const Tensor m = Tensor::from({1, 2, 2}, {1, 3, 1, 1});
  SinkhornOptions once;
  once.max_iter = 1;
  // Columns (2, 4): 1/2 3/4 1/2 1/4; rows 5/4 and 3/4.
  check_matrix(sinkhorn(m, whole(1, 2), once).matrix, {0.4, 0.6, 2.0 / 3, 1.0 / 3});
  SinkhornOptions loose;
  loose.tol = 0.1;
  CHECK(sinkhorn(m, whole(1, 2), once).iterations == 1);
  CHECK(sinkhorn(m, whole(1, 2), loose).iterations == 1);  // columns 1.067 and 0.933
  loose.tol = 0.06;
  CHECK(sinkhorn(m, whole(1, 2), loose).iterations == 2);
  // One matrix that needs more rounds keeps the other going.
  const Tensor two = Tensor::from({2, 2, 2}, {1, 1, 1, 1, 1, 3, 1, 1});
  CHECK(sinkhorn(two, whole(2, 2), loose).iterations == 2);
  CHECK_THROWS_AS(sinkhorn(m, whole(1, 3)), ShapeError);
}

TEST_CASE("neural_sort: items permuted, scores shifted or scaled") {
  const Tensor s = Tensor::from({1, 4}, {real(0.3), -1, 2, real(0.9)}),
               moved = Tensor::from({1, 4}, {2, real(0.9), real(0.3), -1});
  const IntTensor y = IntTensor::from({1, 4}, {1, 0, 4, 2}), y_moved = IntTensor::from({1, 4}, {4, 2, 1, 0});
  const ListMask all = whole(1, 4);
  const Tensor P = neural_sort(s, all), Q = neural_sort(moved, all);
  const int64 from[] = {2, 3, 0, 1};
  for (int64 i = 0; i < 4; ++i)
    for (int64 j = 0; j < 4; ++j)
      CHECK(Q.at({0, i, j}) == doctest::Approx(P.at({0, i, from[j]})).epsilon(1e-6));
  CHECK(neuralndcg(moved, y_moved).item() == doctest::Approx(neuralndcg(s, y).item()).epsilon(1e-6));
  CHECK(gap(neural_sort(s + real(5), all), P) < (kDouble ? 1e-12 : 1e-5));
  CHECK(gap(neural_sort(s * real(4), all, 4), P) < kNear);
}

TEST_CASE("neuralndcg: towards temperature 0 it is -NDCG") {
  Rng rng(5);
  const Tensor s = rng.normal_tensor({4, 8});
  IntTensor y(Shape{4, 8});
  for (int64 i = 0; i < y.numel(); ++i) y.mutable_data()[i] = rng.below(5);
  for (const int64 k : {0, 3}) {
    NeuralNdcgOptions options = at_temperature(1e-3);
    options.k = k;
    CHECK(neuralndcg(s, y, options).item() == doctest::Approx(-mean(ndcg(s, y, k)).item()).epsilon(1e-6));
  }
}

TEST_CASE("neuralndcg: padding changes nothing, nor do lists without a relevant item") {
  const Tensor s = Tensor::from({1, 3}, {real(0.5), real(-0.2), real(1.5)});
  const IntTensor y = IntTensor::from({1, 3}, {1, 0, 3});
  const Tensor padded = Tensor::from({2, 5}, {real(0.5), real(-0.2), real(1.5), 9, -9, 1, 2, 3, 4, 5});
  const IntTensor y_padded = IntTensor::from({2, 5}, {1, 0, 3, -1, -1, 0, 0, 0, -1, -1});
  const auto same = [&](auto loss) {
    const Tensor a = variable(s), b = variable(padded);
    const Tensor la = loss(a, y), lb = loss(b, y_padded);
    CHECK(lb.item() == doctest::Approx(la.item()).epsilon(1e-6));
    const Tensor ga = grad(la, {a})[0], gb = grad(lb, {b})[0];
    for (int64 i = 0; i < 10; ++i)
      CHECK(gb.data()[i] == doctest::Approx(i < 3 ? ga.data()[i] : 0).epsilon(1e-5));
  };
  same([](const Tensor& x, const IntTensor& l) { return neuralndcg(x, l); });
  // These count the second list, with nothing to gain from it.
  same([](const Tensor& x, const IntTensor& l) { return approx_ndcg(x, l) * static_cast<real>(l.dim(0)); });
  same([](const Tensor& x, const IntTensor& l) { return lambdarank(x, l) * static_cast<real>(l.dim(0)); });
  CHECK(ndcg(padded, y_padded).data()[0] == doctest::Approx(ndcg(s, y).item()));
  CHECK(ndcg(padded, y_padded).data()[1] == 1);

  const Tensor x = variable(s);
  const Tensor none = neuralndcg(x, IntTensor::full({1, 3}, 0));
  CHECK(none.item() == 0);
  CHECK(gap(grad(none, {x})[0], Tensor::zeros({1, 3})) == 0);
}

TEST_CASE("neural_sort: padded entries, lists of one item and of none") {
  Rng rng(6);
  const Tensor P = neural_sort(rng.normal_tensor({2, 5}), last_padded());
  for (int64 i = 0; i < 5; ++i)
    for (int64 j = 0; j < 5; ++j) {
      if ((i < 3) != (j < 3)) CHECK(P.at({0, i, j}) == 0);
      if (i >= 3 && j >= 3) CHECK(P.at({0, i, j}) == real(0.5));
    }
  CHECK(P.at({1, 4, 4}) == 1);
  const Tensor M = sinkhorn(P, last_padded()).matrix;
  CHECK(M.at({1, 4, 4}) == 0);
  CHECK(M.at({0, 3, 3}) == 0);
  const ListMask short_lists(IntTensor::from({2, 3}, {0, 1, 1, 1, 1, 1}));
  const Tensor one = sinkhorn(neural_sort(rng.normal_tensor({2, 3}), short_lists), short_lists).matrix;
  CHECK(one.at({0, 0, 0}) == 1);
  CHECK(sum(one).item() == 1);
  CHECK(neural_sort(Tensor::ones({1, 1}), whole(1, 1)).item() == 1);
}

TEST_CASE("ranking losses: gradients by finite differences") {
  if (!kDouble) return;
  Rng rng(7);
  const Tensor start = rng.normal_tensor({3, 5});
  const IntTensor y = IntTensor::from({3, 5}, {3, 0, 1, 4, -1, 0, 2, 2, 1, 0, 0, 0, -1, -1, -1});
  const Tensor uniform = rng.uniform_tensor({4, 3, 5});
  const auto check = [&](const char* what, auto loss, real shift = 0) {
    const ParameterPtr s = make_parameter("scores", ParamKind::kWeight, (start + shift).clone());
    const GradCheck checked = grad_check([&] { return loss(s->value); }, {s});
    INFO(what);
    CHECK(checked.worst() < 1e-6);
    const Tensor g = grad(loss(s->value), {s->value})[0];
    CHECK(max(abs(g)).item() > 1e-3);
  };
  NeuralNdcgOptions o;
  check("neuralndcg", [&](const Tensor& s) { return neuralndcg(s, y, o); });
  o.k = 2, o.transposed = true, o.powered_relevancies = false, o.temperature = 0.5;
  check("transposed", [&](const Tensor& s) { return neuralndcg(s, y, o); });
  o = {};
  o.tol = 1e-12, o.max_iter = 7;  // as many rounds on both sides of a difference
  o.stochastic = true, o.log_scores = false, o.beta = 0.3;
  check("stochastic", [&](const Tensor& s) { return neuralndcg(s, y, o, uniform); });
  check(
      "stochastic, all above 0", [&](const Tensor& s) { return neuralndcg(s, y, o, uniform); }, 9);
  o.log_scores = true;
  check("stochastic, logarithms", [&](const Tensor& s) { return neuralndcg(s, y, o, uniform); });
  check("approx_ndcg", [&](const Tensor& s) { return approx_ndcg(s, y, {.alpha = 2}); });
  check("listnet", [&](const Tensor& s) { return listnet(s, y, {.temperature = 0.7}); });
  check("lambdarank", [&](const Tensor& s) { return lambdarank(s, y, {.sigma = 1.5, .k = 3}); });
  check("mse", [&](const Tensor& s) { return pointwise_mse(s, y); });
  check("neural_sort", [&](const Tensor& s) {
    const Tensor weights = Tensor::arange(75).view({3, 5, 5});
    return sum(sin(weights) * neural_sort(s, ListMask::of_labels(y), 0.8));
  });
}

TEST_CASE("neuralndcg: the stochastic form by hand") {
  // One list of two items, one sample: s+ = s + |min| = (0, 3); uniform draws such that the noise is 0.
  const double zero_noise = std::exp(-1.0);  // -log(-log(1/e)) = 0
  const Tensor uniform = Tensor::full({1, 1, 2}, static_cast<real>(zero_noise));
  const Tensor s = variable(Tensor::from({1, 2}, {-1, 2}));
  const IntTensor y = IntTensor::from({1, 2}, {0, 1});
  NeuralNdcgOptions o;
  o.stochastic = true, o.log_scores = false;
  // Without noise a shift of the scores changes nothing.
  CHECK(neuralndcg(s, y, o, uniform).item() == doctest::Approx(neuralndcg(s, y).item()).epsilon(1e-6));
  o.log_scores = true;
  const Tensor logs =
      Tensor::from({1, 2}, {static_cast<real>(std::log(1e-10)), static_cast<real>(std::log(3 + 1e-10))});
  const Tensor loss = neuralndcg(s, y, o, uniform);
  CHECK(loss.item() == doctest::Approx(neuralndcg(logs, y).item()).epsilon(1e-6));
  const Tensor g = grad(loss, {s})[0];
  CHECK(std::isfinite(g.data()[0]));
  CHECK(g.data()[0] == doctest::Approx(-g.data()[1]));  // only the distance to the lowest counts
  // The mean over samples is that of the samples one by one.
  Rng rng(8);
  const Tensor three_draws = rng.uniform_tensor({3, 1, 2});
  o.log_scores = false, o.beta = 1, o.max_iter = 3, o.tol = 0;
  double mean_loss = 0;
  for (int64 i = 0; i < 3; ++i) mean_loss += neuralndcg(s, y, o, three_draws.rows(i, i + 1)).item() / 3;
  CHECK(neuralndcg(s, y, o, three_draws).item() == doctest::Approx(mean_loss).epsilon(1e-6));
  // With padding each list keeps its own mask, whatever the sample.
  const Tensor two = Tensor::from({2, 2}, {-1, 2, 5, 7});
  const IntTensor y_two = IntTensor::from({2, 2}, {0, 1, 3, -1});
  const Tensor draws = rng.uniform_tensor({3, 2, 2});
  double by_hand = 0;  // the second list is right in every sample; the first shares the noise and the minimum
  for (int64 i = 0; i < 3; ++i)
    by_hand += neuralndcg(s, y, o, draws.rows(i, i + 1).view({2, 2}).rows(0, 1).view({1, 1, 2})).item() / 3;
  CHECK(neuralndcg(two, y_two, o, draws).item() == doctest::Approx((by_hand - 1) / 2).epsilon(1e-6));
}

TEST_CASE("approx_ndcg: against the sums written out") {
  const double s[] = {0.2, 1.1, -0.4}, g[] = {0, 3, 1}, alpha = 1.7;
  double value = 0;
  for (int i = 0; i < 3; ++i) {
    double pos = 1;
    for (int j = 0; j < 3; ++j)
      if (j != i) pos += 1 / (1 + std::exp(alpha * (s[i] - s[j])));
    value += g[i] / std::log2(1 + pos);
  }
  const Tensor scores = three({real(0.2), real(1.1), real(-0.4)});
  CHECK(approx_ndcg(scores, three_labels(), {.alpha = alpha}).item() ==
        doctest::Approx(-value / (3 + 1 / std::log2(3))).epsilon(1e-6));
  CHECK(approx_ndcg(scores, three_labels(), {.alpha = 1e4}).item() ==
        doctest::Approx(-ndcg(scores, three_labels()).item()).epsilon(1e-5));
}

TEST_CASE("ranking losses: hand values of listnet, lambdarank and the squared error") {
  const Tensor zeros = Tensor::zeros({1, 2});
  const IntTensor y = IntTensor::from({1, 2}, {0, 1});
  CHECK(listnet(zeros, y).item() ==
        doctest::Approx(std::log(2.0)));  // every target's cross-entropy with (1/2, 1/2)
  const Tensor apart = Tensor::from({1, 2}, {0, static_cast<real>(std::log(3.0))});  // softmax (1/4, 3/4)
  const double p = 1 / (1 + std::exp(-2.0));  // label 1 against 0 at temperature 1/2
  CHECK(listnet(apart, y, {.temperature = 0.5}).item() ==
        doctest::Approx(-(1 - p) * std::log(0.25) - p * std::log(0.75)));
  // One pair, y_2 > y_1, ranks 1 and 2: gains 1 - 0, discounts 1 and 1/log2(3), IDCG 1.
  const double weight = 1 - 1 / std::log2(3.0);
  CHECK(lambdarank(apart, y).item() == doctest::Approx(weight * std::log1p(1.0 / 3)));
  CHECK(lambdarank(apart, y, {.sigma = 2}).item() == doctest::Approx(weight * std::log1p(1.0 / 9)));
  CHECK(lambdarank(apart, y, {.sigma = 1, .k = 1}).item() ==
        doctest::Approx(std::log1p(1.0 / 3)));  // second rank: 0
  CHECK(lambdarank(apart, IntTensor::from({1, 2}, {1, 1})).item() == 0);
  CHECK(pointwise_mse(Tensor::from({1, 3}, {1, 2, 9}), IntTensor::from({1, 3}, {0, 2, -1})).item() ==
        doctest::Approx(0.5));
  CHECK(pointwise_mse(Tensor::from({1, 2}, {1, 2}), IntTensor::from({1, 2}, {0, 2}),
                      {.powered_relevancies = true})
            .item() == doctest::Approx(1));
}

TEST_CASE("ndcg: ranks, truncation, ties, padding") {
  const Tensor s = Tensor::from({3, 3}, {3, 2, 1, 1, 1, 1, 0, 5, 9});
  const IntTensor y = IntTensor::from({3, 3}, {0, 1, 2, 2, 1, 0, 1, 2, -1});
  const Tensor at_all = ndcg(s, y), at1 = ndcg(s, y, 1), at2 = ndcg(s, y, 2);
  const double d2 = 1 / std::log2(3.0);
  CHECK(at_all.data()[0] == doctest::Approx((d2 + 3 * 0.5) / (3 + d2)));
  CHECK(at1.data()[0] == 0);
  CHECK(at2.data()[0] == doctest::Approx(d2 / (3 + d2)));
  CHECK(at_all.data()[1] == 1);  // equal scores keep the order given
  CHECK(at_all.data()[2] == 1);  // the padded item's score counts for nothing
}

TEST_CASE("ranking: what is refused") {
  const Tensor s = Tensor::zeros({1, 3});
  CHECK_THROWS_AS(ListMask(IntTensor::from({1, 3}, {0, 1, 0})), DataError);
  CHECK_THROWS_AS(ListMask(IntTensor::from({1, 3}, {0, 0, 2})), DataError);
  CHECK_THROWS_AS(ListMask(IntTensor::full({3}, 0)), ShapeError);
  CHECK_THROWS_AS(neuralndcg(s, IntTensor::from({1, 3}, {0, -2, 0})), DataError);
  CHECK_THROWS_AS(neuralndcg(s, IntTensor::from({1, 3}, {0, 61, 0})), DataError);
  CHECK_THROWS_AS(neuralndcg(s, IntTensor::full({1, 2}, 0)), ShapeError);
  CHECK_THROWS_AS(neural_sort(s, whole(1, 3), 0), UsageError);
  NeuralNdcgOptions o;
  o.stochastic = true;
  CHECK_THROWS_AS(neuralndcg(s, three_labels(), o), ShapeError);
  CHECK_THROWS_AS(neuralndcg(s, three_labels(), o, Tensor::ones({2, 1, 4})), ShapeError);
  CHECK_THROWS_AS(neuralndcg(s, three_labels(), {}, Tensor::ones({2, 1, 3})), UsageError);
}

TEST_CASE("ranking losses: the table makes what the functions compute") {
  Rng rng(9);
  const Tensor s = rng.normal_tensor({2, 3});
  const IntTensor y = IntTensor::from({2, 3}, {0, 2, 1, 1, 0, 4});
  const auto value = [&](const std::string& spec) { return make_ranking_loss(spec)(s, y, rng).item(); };
  CHECK(ranking_losses().size() == 5);
  CHECK(value("neuralndcg:temperature=0.5") == neuralndcg(s, y, at_temperature(0.5)).item());
  CHECK(value("approxndcg:alpha=3") == approx_ndcg(s, y, {.alpha = 3}).item());
  CHECK(value("listnet:temperature=2") == listnet(s, y, {.temperature = 2}).item());
  CHECK(value("lambdarank:sigma=2,k=1") == lambdarank(s, y, {.sigma = 2, .k = 1}).item());
  CHECK(value("mse:powered_relevancies=true") == pointwise_mse(s, y, {.powered_relevancies = true}).item());
  NeuralNdcgOptions o;
  o.stochastic = true;
  Rng draws(11), same(11);
  const double sampled = make_ranking_loss("neuralndcg:stochastic=true,samples=3")(s, y, draws).item();
  CHECK(sampled == neuralndcg(s, y, o, same.uniform_tensor({3, 2, 3})).item());
  CHECK(tests::message([&] { value("neuralndgc"); }).find("did you mean 'neuralndcg'?") != std::string::npos);
  CHECK(tests::message([&] { value("listnet:sigma=1"); }).find("unknown option 'sigma'") !=
        std::string::npos);
}

}  // namespace gradus::ranking_tests
