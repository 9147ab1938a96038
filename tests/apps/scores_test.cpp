// Scores by hand: precision, recall, F1, confusions, top 5, calibration; errors of real outputs; which decides.
#include "apps/train/scores.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace {

constexpr double kExact = sizeof(real) == 8 ? 1e-12 : 1e-6;

Batch labelled(const std::vector<int64>& labels) {
  Batch batch;
  batch.y = IntTensor::from({static_cast<int64>(labels.size())}, labels);
  batch.index = IntTensor::arange(static_cast<int64>(labels.size()));
  return batch;
}

// Logits of which the largest is that of `said`.
Tensor saying(const std::vector<int64>& said, int64 classes) {
  Tensor z = Tensor::zeros({static_cast<int64>(said.size()), classes});
  for (size_t i = 0; i < said.size(); ++i) z.mutable_data()[static_cast<int64>(i) * classes + said[i]] = 1;
  return z;
}

Predictions three_classes(int64 classes) {
  Predictions p(classes);
  p.add(labelled({0, 0, 0, 1, 1}), saying({0, 0, 1, 1, 0}, classes));  // in two batches
  p.add(labelled({2, 2, 2, 2, 0}), saying({2, 2, 2, 1, 0}, classes));
  return p;
}

}  // namespace

TEST_CASE("scores: precision, recall and F1 of each class and their means, by hand") {
  for (const int64 classes : {3, 5}) {  // classes that neither occur nor are predicted count in no mean
    CAPTURE(classes);
    const Predictions p = three_classes(classes);
    CHECK(p.of(0).support == 4);
    CHECK(p.of(0).precision == doctest::Approx(3.0 / 4));
    CHECK(p.of(0).recall == doctest::Approx(3.0 / 4));
    CHECK(p.of(0).f1 == doctest::Approx(3.0 / 4));
    CHECK(p.of(1).precision == doctest::Approx(1.0 / 3));
    CHECK(p.of(1).recall == doctest::Approx(1.0 / 2));
    CHECK(p.of(1).f1 == doctest::Approx(2.0 / 5));
    CHECK(p.of(2).precision == 1);
    CHECK(p.of(2).f1 == doctest::Approx(6.0 / 7));
    CHECK(p.mean().precision == doctest::Approx((3.0 / 4 + 1.0 / 3 + 1) / 3));
    CHECK(p.mean().recall == doctest::Approx((3.0 / 4 + 1.0 / 2 + 3.0 / 4) / 3));
    CHECK(p.mean().f1 == doctest::Approx((3.0 / 4 + 2.0 / 5 + 6.0 / 7) / 3));
    CHECK(p.count(2, 1) == 1);
    CHECK(p.count(1, 2) == 0);
  }
  CHECK(std::isnan(three_classes(5).of(4).f1));
  // A class that occurs and is never said has no precision, and F1 0; both count as 0 in the means.
  Predictions missed(2);
  missed.add(labelled({0, 0, 1}), saying({0, 0, 0}, 2));
  CHECK(std::isnan(missed.of(1).precision));
  CHECK(missed.of(1).recall == 0);
  CHECK(missed.of(1).f1 == 0);
  CHECK(missed.mean().precision == doctest::Approx(1.0 / 3));
  CHECK(missed.mean().f1 == doctest::Approx(0.4));
  CHECK(std::isnan(Predictions(3).mean().f1));
}

TEST_CASE("scores: calibration error in bins of confidence, the top five with ties") {
  const auto confident = [](const std::vector<double>& p, const std::vector<int64>& labels) {
    std::vector<real> z;
    for (const double v : p) z.insert(z.end(), {static_cast<real>(std::log(v / (1 - v))), real(0)});
    Predictions all(2);
    all.add(labelled(labels), Tensor::from({static_cast<int64>(p.size()), 2}, z));
    return all.calibration_error();
  };
  CHECK(confident({0.75, 0.65}, {0, 1}) == doctest::Approx((0.25 + 0.65) / 2).epsilon(1e-5));
  CHECK(confident({0.75, 0.75}, {0, 1}) == doctest::Approx(0.25).epsilon(1e-5));  // one bin: half are right
  CHECK(confident({0.74, 0.79}, {0, 1}) == doctest::Approx((0.74 + 0.79 - 1) / 2).epsilon(1e-5));
  CHECK(std::isnan(Predictions(2).calibration_error()));

  Predictions p(7);
  p.add(labelled({5, 6, 6}), Tensor::from({3, 7}, {7, 6, 5, 4, 2, 3, 1, /**/ 7, 6, 5, 4, 3, 2, 1, /**/
                                                   0, 0, 0, 0, 0, 0, 0}));
  CHECK(p.top() == doctest::Approx(1.0 / 3));  // of seven equal ones the sixth and seventh are behind five
  const Predictions few = three_classes(3);
  CHECK(few.top() == 1);
}

TEST_CASE("scores: squared and absolute errors and R^2, by hand and beside each other") {
  Errors one;
  one.add(Tensor::from({2, 1}, {2.5, 0}), Tensor::from({2, 1}, {3, -0.5}));
  one.add(Tensor::from({2, 1}, {2, 8}), Tensor::from({2, 1}, {2, 7}));
  CHECK(one.mse() == doctest::Approx(0.375));
  CHECK(one.rmse() == doctest::Approx(std::sqrt(0.375)));
  CHECK(one.mae() == doctest::Approx(0.5));
  CHECK(one.r2() == doctest::Approx(1 - 1.5 / 29.1875));
  Errors two;
  two.add(Tensor::from({3, 2}, {0, 2, -1, 2, 8, -5}), Tensor::from({3, 2}, {0.5, 1, -1, 1, 7, -6}));
  CHECK(two.mse() == doctest::Approx(4.25 / 6));
  CHECK(two.mae() == doctest::Approx(0.75));
  CHECK(two.r2() == doctest::Approx((1 - 1.25 / (217.0 / 6) + 1 - 3 / (98.0 / 3)) / 2));
  Errors constant;
  constant.add(Tensor::from({2, 1}, {1, 1}), Tensor::from({2, 1}, {1, 1}));
  CHECK(std::isnan(constant.r2()));
  CHECK(constant.mse() == 0);
  // Large values with small differences.
  Errors far;
  std::vector<real> y, z;
  for (int i = 0; i < 100; ++i) y.push_back(static_cast<real>(4096 + i % 2)), z.push_back(real(4096.5));
  far.add(Tensor::from({100, 1}, z), Tensor::from({100, 1}, y));
  CHECK(std::abs(far.r2()) < kExact);
  CHECK_THROWS_AS(far.add(Tensor::zeros({2, 1}), Tensor::zeros({2, 2})), ShapeError);
}

TEST_CASE("scores: each task has its measures, of which one decides") {
  DatasetInfo classes{.name = "c", .classes = 3}, text{.name = "t", .kind = DataKind::kText, .classes = 2};
  classes.class_names = {"ape", "bee", "cat"};
  text.vocabulary = {"a", "b"};
  DatasetInfo bytes = text;
  bytes.vocabulary.resize(256);
  CHECK(std::string(deciding_metric("auto", Task::kClassification, classes).name) == "accuracy");
  CHECK(std::string(deciding_metric("f1", Task::kClassification, classes).name) == "f1");
  CHECK(std::string(deciding_metric("auto", Task::kRegression, {.targets = 1}).name) == "loss");
  CHECK_FALSE(deciding_metric("rmse", Task::kRegression, {.targets = 1}).larger);
  CHECK_THROWS_WITH_AS(deciding_metric("f1", Task::kRegression, {.targets = 1}),
                       doctest::Contains("regression has none; it has: loss, mse, rmse, mae, r2"),
                       UsageError);
  CHECK_THROWS_WITH_AS(deciding_metric("top5", Task::kClassification, classes), doctest::Contains("accuracy"),
                       UsageError);

  Scores s(Task::kClassification, classes);
  s.add(labelled({0, 1, 2, 2}), saying({0, 1, 2, 1}, 3));
  s.set_sums({.loss_sum = 2, .correct = 3, .count = 4, .labelled = 4});
  auto json = s.json("test");
  CHECK(json.at("test_loss") == 0.5);
  CHECK(json.at("test_accuracy") == 0.75);
  CHECK(json.at("test_f1").get<double>() == doctest::Approx((1 + 2.0 / 3 + 2.0 / 3) / 3));
  CHECK_FALSE(json.contains("test_top5"));
  s.add_classes(json);
  CHECK(json.at("classes").at(2).at("name") == "cat");
  CHECK(json.at("classes").at(2).at("recall") == 0.5);
  CHECK(json.at("confusion").dump() == "[[1,0,0],[0,1,0],[0,1,1]]");
  const std::string tables = s.tables();
  CHECK(tables.find("cat          2   100.00 %   50.00 %   66.67 %\n") != std::string::npos);
  CHECK(tables.find("cat            .    1    1\n") != std::string::npos);

  Scores t(Task::kLanguageModel, text), b(Task::kLanguageModel, bytes);
  t.set_sums({.loss_sum = 3 * std::log(2.0), .correct = 1, .count = 2, .labelled = 2});
  b.set_sums(t.sums());
  CHECK(t.json("test").at("test_bits_per_character").get<double>() == doctest::Approx(1.5));
  CHECK(t.json("test").at("test_perplexity").get<double>() == doctest::Approx(std::pow(2, 1.5)));
  CHECK_FALSE(t.json("test").contains("test_bits_per_byte"));
  CHECK(b.json("test").at("test_bits_per_byte").get<double>() == doctest::Approx(1.5));
  CHECK(t.tables().empty());
}
