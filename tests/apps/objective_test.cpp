// The objective of a training step over a model.
#include "apps/train/objective.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "nn/registry.h"

using namespace gradus;

namespace {

constexpr double kClose = sizeof(real) == 8 ? 1e-10 : 1e-4;

double gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return worst;
}
double gap(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, gap(a[i], b[i]));
  return worst;
}
std::vector<Tensor> gradients(const Parameters& parameters) {
  std::vector<Tensor> out;
  for (const auto& p : parameters) out.push_back(p->grad.clone());
  return out;
}

}  // namespace

TEST_CASE("model objective: Hessian products of a kept gradient are those of passes of their own") {
  for (const char* spec : {"mlp:hidden=5-4,act=tanh", "lenet:conv1=2,conv2=3,hidden=4"}) {
    CAPTURE(spec);
    const DataShape data{.channels = 1, .height = 8, .width = 8, .classes = 3};
    const auto model = make_model(spec, data, Rng(1));
    const Parameters parameters = model->parameters();
    Batch batch;
    batch.x = Rng(2).normal_tensor({4, 1, 8, 8});
    batch.y = IntTensor({4});
    for (int64 i = 0; i < 4; ++i) batch.y.mutable_data()[i] = i % 3;
    batch.index = IntTensor::arange(4);
    ModelObjective plain(*model, parameters, {batch}),
        kept(*model, parameters, {batch}, {.keep_graph = true});
    const double loss = plain.gradient();
    const std::vector<Tensor> g = gradients(parameters);
    CHECK(std::abs(kept.gradient() - loss) < kClose);
    CHECK(gap(gradients(parameters), g) < kClose);
    std::vector<Tensor> v;
    for (const auto& p : parameters) v.push_back(Rng(3).fork(p->name).normal_tensor(p->value.shape()));
    const std::vector<Tensor> expected = plain.hvp(v);
    std::vector<Tensor> product = kept.hvp(v);
    CHECK(gap(product, expected) < kClose);
    CHECK(gap(expected, plain.hvp(v)) < kClose);
    // The result is the caller's to change, and can be asked for again.
    for (Tensor& t : product) t.fill(7);
    for (const auto& p : parameters) p->grad.fill(0);
    CHECK(gap(kept.hvp(v), expected) < kClose);
    // At other weights the kept gradient says nothing.
    for (const auto& p : parameters)
      for (int64 i = 0; i < p->value.numel(); ++i) p->value.mutable_data()[i] *= static_cast<real>(1.5);
    const std::vector<Tensor> elsewhere = plain.hvp(v);
    CHECK(gap(elsewhere, expected) > 1e-3);
    CHECK(gap(kept.hvp(v), elsewhere) < kClose);
  }
}

namespace {

// A classifier of eight features with a batch of `n` random examples of three classes.
struct SmallTask {
  std::shared_ptr<Model> model;
  Parameters parameters;
  Batch batch;
  explicit SmallTask(int64 n)
      : model(make_model("mlp:hidden=5,act=tanh", {.channels = 8, .height = 1, .width = 1, .classes = 3},
                         Rng(1))),
        parameters(model->parameters()) {
    batch.x = Rng(2).normal_tensor({n, 8, 1, 1});
    batch.y = IntTensor({n});
    for (int64 i = 0; i < n; ++i) batch.y.mutable_data()[i] = i % 3;
    batch.index = IntTensor::arange(n);
  }
};

}  // namespace

TEST_CASE("model objective: the gradient over all data is that of one batch of them, whatever the parts") {
  SmallTask task(7);
  ModelObjective whole(*task.model, task.parameters, {task.batch});
  whole.gradient();
  const std::vector<Tensor> expected = gradients(task.parameters);
  int64 handed = 0;
  const BatchSources sources{.all = [&](const std::function<void(const Batch&)>& use) {
    for (const auto& [begin, end] : {std::pair<int64, int64>{0, 3}, {3, 6}, {6, 7}}) {
      use(rows_of(task.batch, begin, end));
      ++handed;
    }
  }};
  ModelObjective part(*task.model, task.parameters, {rows_of(task.batch, 0, 2)}, {}, sources);
  CHECK(part.offers().full_gradient);
  part.gradient();
  const std::vector<Tensor> own = gradients(task.parameters);
  CHECK(gap(part.full_gradient(), expected) < kClose);
  CHECK(gap(gradients(task.parameters), own) == 0);  // the step's gradient stays
  CHECK(handed == 3);
  task.parameters[0]->frozen = true;
  CHECK(!part.full_gradient()[0].defined());
  CHECK(!whole.offers().full_gradient);
  CHECK_THROWS_AS(whole.full_gradient(), UsageError);
}

TEST_CASE("model objective: sampled labels are the model's own, and so is their gradient") {
  SmallTask task(6);
  ModelObjective objective(*task.model, task.parameters, {task.batch}, {.classes = {.label_smoothing = 0.3}});
  objective.gradient();
  const std::vector<Tensor> own = gradients(task.parameters);
  const SampledGradient sampled = objective.sampled_gradient(Rng(5));
  CHECK(sampled.labels == 6);
  CHECK(gap(gradients(task.parameters), own) == 0);
  // The same draws by hand, as labels of a batch without smoothing.
  const Recording off(false);
  const Batch drawn = with_sampled_labels(Task::kClassification, (*task.model)(task.batch.x), task.batch,
                                          Rng(5).fork(std::uint64_t{0}));
  const Recording on(true);
  ModelObjective other(*task.model, task.parameters, {drawn});
  other.gradient();
  CHECK(gap(sampled.gradient, gradients(task.parameters)) < kClose);
}

TEST_CASE(
    "sampled labels: classes as often as their probability, tokens one a place, real values around the "
    "output") {
  constexpr int64 kRows = 4000;
  Tensor logits({kRows, 3});
  for (int64 i = 0; i < kRows; ++i)
    for (int64 c = 0; c < 3; ++c)
      logits.mutable_data()[i * 3 + c] = static_cast<real>(std::log(c == 0 ? 0.5 : c == 1 ? 0.3 : 0.2) + 7);
  Batch batch;
  batch.x = Tensor::zeros({kRows, 1});
  batch.y = IntTensor({kRows});
  batch.index = IntTensor::arange(kRows);
  const Batch drawn = with_sampled_labels(Task::kClassification, logits, batch, Rng(3));
  std::vector<double> share(3);
  for (int64 i = 0; i < kRows; ++i) share[static_cast<size_t>(drawn.y[i])] += 1.0 / kRows;
  CHECK(std::abs(share[0] - 0.5) < 0.03);
  CHECK(std::abs(share[1] - 0.3) < 0.03);
  CHECK(label_count(drawn) == kRows);
  // Draw by draw: class 0 below 0.5, class 1 below 0.8.
  Rng same(3);
  for (int64 i = 0; i < 50; ++i) {
    const double u = same.uniform();
    CHECK(drawn.y[i] == (u < 0.5 ? 0 : u < 0.8 ? 1 : 2));
  }
  Batch text;
  text.tokens = IntTensor({2, 5});
  text.y = IntTensor({2, 5});
  const Batch tokens = with_sampled_labels(Task::kLanguageModel, Tensor::zeros({2, 5, 4}), text, Rng(3));
  CHECK(tokens.y.shape() == Shape{2, 5});
  CHECK(label_count(tokens) == 10);
  Batch real_targets;
  real_targets.x = Tensor::zeros({kRows, 1});
  const Batch around =
      with_sampled_labels(Task::kRegression, Tensor::full({kRows, 1}, 3), real_targets, Rng(3));
  double mean = 0, square = 0;
  for (real t : around.targets.span()) {
    mean += static_cast<double>(t) / kRows;
    square += (static_cast<double>(t) - 3) * (static_cast<double>(t) - 3) / kRows;
  }
  CHECK(std::abs(mean - 3) < 0.06);
  CHECK(std::abs(square - 1) < 0.1);
  CHECK_THROWS_AS(with_sampled_labels(Task::kAutoencoder, logits, batch, Rng(3)), UsageError);
}
