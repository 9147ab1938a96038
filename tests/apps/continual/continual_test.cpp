// Ways of learning of apps/continual: measures, exemplars, what tasks leave alone.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/continual/accuracy_matrix.h"
#include "apps/continual/amgc_task.h"
#include "apps/continual/exemplars.h"
#include "apps/continual/foster_task.h"
#include "apps/continual/projected_tasks.h"
#include "apps/continual/rsgs.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus::continual_tests {

using doctest::Approx;

TEST_CASE("continual: the accuracy matrix") {
  AccuracyMatrix a;
  a.add_row({0.8});
  a.add_row({0.9, 0.7});
  a.add_row({0.6, 0.8, 0.5});
  CHECK(a.final_accuracy() == Approx((0.6 + 0.8 + 0.5) / 3));
  CHECK(a.incremental_accuracy() == Approx((0.8 + 0.8 + 1.9 / 3) / 3));
  CHECK(a.forgetting() == Approx((0.3 - 0.1) / 2));
  CHECK(a.forgetting(true) == Approx(0.3 / 2));
  CHECK(a.backward_transfer() == Approx((-0.2 + 0.1) / 2));
  CHECK(a.learning_accuracy() == Approx(2.0 / 3));
  CHECK(a.new_task_accuracy() == Approx(0.6));
  CHECK_THROWS_AS(a.add_row({1, 1, 1}), ShapeError);
  CHECK_THROWS_AS(a.forward_transfer(std::vector<double>{0.1, 0.1, 0.1}), ShapeError);  // no accuracy ahead
  AccuracyMatrix b;
  b.add_row({0.8, 0.3});
  b.add_row({0.9, 0.7});
  CHECK(b.forward_transfer(std::vector<double>{0, 0.1}) == Approx(0.2));
  AccuracyMatrix one;
  one.add_row({0.5});
  CHECK(one.forgetting() == 0);
  CHECK(one.new_task_accuracy() == 0);
}

TEST_CASE("continual: herding takes what brings the mean of the chosen to the class mean") {
  // Directions 0, 90 and 45 degrees: the mean points to 45.
  const real half = static_cast<real>(std::sqrt(0.5));
  const Tensor f = Tensor::from({3, 2}, {1, 0, 0, 1, 3 * half, 3 * half});
  CHECK(herded_rows(f, 1) == std::vector<int64>{2});
  CHECK(herded_rows(f, 9).size() == 3);
  CHECK(herded_rows(f, 2)[0] == 2);
}

TEST_CASE("continual: herding's means; a reservoir's draws by hand") {
  const HerdedRows h = herded(Tensor::from({2, 2}, {3, 0, 0, 4}), {.count = 2, .normalize = false});
  CHECK(h.mean.values() == std::vector<real>{1.5, 2});
  CHECK(static_cast<double>(h.exemplar_mean.data()[0]) == Approx(0.6));
  CHECK(static_cast<double>(h.exemplar_mean.data()[1]) == Approx(0.8));
  CHECK(herded(Tensor::from({2, 2}, {3, 0, 0, 4}), {.count = 0}).exemplar_mean.values() ==
        std::vector<real>{0, 0});
  std::vector<int64> buffer{7};
  int64 seen = 1;
  // 8 takes the free place; 9: floor(0.5*3) = 1; 10: floor(0.9*4) = 3, beyond; 11: floor(0.1*5) = 0.
  reservoir_update(buffer, 2, seen, std::vector<int64>{8, 9, 10, 11},
                   std::vector<double>{0.9, 0.5, 0.9, 0.1});
  CHECK(buffer == std::vector<int64>{11, 9});
  CHECK(seen == 5);
  CHECK_THROWS_AS(reservoir_update(buffer, 2, seen, std::vector<int64>{1}, {}), ShapeError);
}

TEST_CASE("continual: of each row the labels of its own group compete") {
  const Tensor z = Tensor::from({2, 4}, {9, 1, 2, 3, 4, 4, 9, 9});
  const IntTensor y = IntTensor::from({2}, {3, 0});
  // Row 0: labels 2, 3; row 1: labels 0, 1.
  CHECK(static_cast<double>(competing_loss(z, y, {0, 2}).item()) ==
        Approx((std::log(1 + std::exp(-1.0)) + std::log(2.0)) / 2).epsilon(1e-6));
  CHECK_THROWS_AS(competing_loss(z, y, {1}), DataError);
}

TEST_CASE("foster: the old network stays, zeroed columns of old features stay zero") {
  Rng rng(7);
  const FeatureMap features = [](std::span<const Tensor> p, const Tensor& x) {
    return tanh(matmul(x, p[0], false, true));
  };
  const auto head = [&](int64 k, int64 d) {
    return Classifier{rng.normal_tensor({k, d}), Tensor::zeros({k})};
  };
  const LinearHeadNetwork old{{rng.normal_tensor({3, 4})}, head(2, 3)};
  const std::vector<real> extractor = old.extractor[0].values(), weight = old.fc.weight.values();
  const LabelledRows rows{rng.normal_tensor({8, 4}), IntTensor::from({8}, {0, 1, 2, 3, 2, 3, 2, 3})};
  FosterOptions o;
  o.oofc = "az";
  const FosterResult r = foster_task(
      features, old, {head(4, 6), head(4, 3), head(4, 3)}, [&](int, int64) { return rows; },
      IntTensor::full({4}, 2), o);
  CHECK(old.extractor[0].values() == extractor);
  CHECK(old.fc.weight.values() == weight);
  for (int64 k = 2; k < 4; ++k)
    for (int64 i = 0; i < 3; ++i) CHECK(r.teacher_fc.weight.at({k, i}) == 0);
  CHECK(r.boosting_losses.size() == 6);
  CHECK(r.student.extractor[0].values() != extractor);
}

TEST_CASE("rogo: outputs of the first layer for old inputs stay where no direction is relaxed") {
  Rng rng(11);
  const LabelledRows first{linalg::matmul(rng.normal_tensor({8, 2}), rng.normal_tensor({2, 6})),
                           IntTensor::from({8}, {0, 1, 0, 1, 0, 1, 0, 1})},
      second{rng.normal_tensor({8, 6}), first.y};
  ProjectedOptions o;
  o.method = "gpm";
  o.threshold = 1;
  ProjectedTasks net({rng.normal_tensor({5, 6}), rng.normal_tensor({2, 5})}, o);
  net.learn({first});
  // The vector that crosses stays out in the first task: one of the two directions is held.
  CHECK(net.memory()[0].dim(1) >= 1);
  const Tensor held = net.memory()[0].clone(), before = linalg::matmul(net.weights()[0], held),
               whole = net.weights()[0].clone();
  net.learn({second});
  const Tensor after = linalg::matmul(net.weights()[0], held);
  for (int64 i = 0; i < before.numel(); ++i)
    CHECK(static_cast<double>(after.data()[i]) ==
          Approx(static_cast<double>(before.data()[i])).epsilon(1e-4));
  CHECK(net.weights()[0].values() != whole.values());
  CHECK(net.space_sizes() == std::vector<int64>{0, 0});
}

TEST_CASE("rogo: folding what was relaxed into the weights changes no output") {
  Rng rng(19);
  ProjectedOptions o;
  o.threshold = 0.99;
  o.lr_factor = 1;
  o.search.score_threshold = 0;  // all of the memory is relaxed
  ProjectedTasks net({rng.normal_tensor({5, 6}), rng.normal_tensor({2, 5})}, o);
  const auto rows = [&] {
    return TaskRows{{rng.normal_tensor({8, 6}), IntTensor::from({8}, {0, 1, 0, 1, 0, 1, 0, 1})}};
  };
  net.learn(rows());
  const TaskRows second = rows();
  net.begin();
  for (int64 e = 0; e < 3; ++e) {
    net.step(second.rows, {});
    net.end_epoch(second);
  }
  const Tensor x = rng.normal_tensor({7, 6});
  const std::vector<real> before = net.logits(x).values(), raw = net.weights()[0].values();
  net.end(second);
  CHECK(net.space_sizes()[0] >= 1);
  CHECK(net.weights()[0].values() != raw);  // there was something to fold
  const Tensor after = net.logits(x);
  for (size_t i = 0; i < before.size(); ++i)
    CHECK(static_cast<double>(after.data()[i]) == Approx(static_cast<double>(before[i])).epsilon(1e-5));
}

TEST_CASE("amgc: a class counts once, however many examples it has") {
  Rng rng(29);
  const FeatureMap features = [](std::span<const Tensor> p, const Tensor& x) {
    return tanh(matmul(x, p[0], false, true));
  };
  AmgcOptions o;
  o.ema = 1;  // covariances stay
  o.kd = 0;
  const AmgcStart start{
      {rng.normal_tensor({2, 3})}, rng.normal_tensor({3, 2}),           Tensor::zeros({3}),
      rng.normal_tensor({1, 2}),   linalg::identity(2).view({1, 2, 2}), Tensor::zeros({2, 2, 2})};
  const Tensor a = rng.normal_tensor({1, 3}), b = rng.normal_tensor({1, 3});
  const auto classes_of = [&](int64 copies) {
    std::vector<Tensor> rows{a};
    std::vector<int64> y{1};
    for (int64 i = 0; i < copies; ++i) rows.push_back(b), y.push_back(2);
    AmgcTask task(features, start, o);
    return task.step({concat(rows, 0), IntTensor::from({std::ssize(y)}, y)}).classes;
  };
  CHECK(classes_of(5) == Approx(classes_of(1)).epsilon(1e-5));
}

TEST_CASE("csfa: behind the perturbed pass the parameters are exactly what they were") {
  Rng rng(37);
  const FeatureMap features = [](std::span<const Tensor> p, const Tensor& x) { return x * p[0] + p[1]; };
  const std::vector<Tensor> lambda{rng.normal_tensor({3}), rng.normal_tensor({3})};
  RsgsOptions o;
  o.e0_factor = 10;
  o.rho = 0.37;
  o.lr = 0;  // the step itself adds nothing
  Rsgs rsgs(features, lambda, linalg::identity(3), o);
  for (int i = 0; i < 3; ++i) CHECK(rsgs.adapt(rng.normal_tensor({6, 3})).reliable_perturbed == 6);
  for (size_t i = 0; i < 2; ++i) CHECK(rsgs.lambda()[i].values() == lambda[i].values());
}

TEST_CASE("csfa: a batch without reliable rows changes nothing") {
  Rng rng(13);
  const FeatureMap features = [](std::span<const Tensor> p, const Tensor& x) { return x * p[0]; };
  const std::vector<Tensor> lambda{Tensor::ones({3})};
  const Tensor x = rng.normal_tensor({6, 3});
  RsgsOptions o;
  o.e0_factor = 0;
  Rsgs none(features, lambda, linalg::identity(3), o);
  CHECK(none.adapt(x).reliable == 0);
  CHECK(none.lambda()[0].values() == lambda[0].values());
  o.e0_factor = 10;
  o.lr = 0.1;
  Rsgs all(features, lambda, linalg::identity(3), o);
  const Rsgs::Batch b = all.adapt(x);
  CHECK(b.reliable == 6);
  CHECK(b.reliable_perturbed == 6);
  CHECK(all.lambda()[0].values() != lambda[0].values());
  CHECK(lambda[0].values() == std::vector<real>{1, 1, 1});
  // Below the guard the parameters start anew.
  o.reset_const = 100;
  Rsgs guarded(features, lambda, linalg::identity(3), o);
  guarded.adapt(x);
  CHECK(guarded.lambda()[0].values() == lambda[0].values());
}

}  // namespace gradus::continual_tests
