// Attacks and adaptations of `gradus eval`: a linear classifier by hand, reach, what is put back, refusals.
#include "apps/testtime/attack.h"

#include <doctest/doctest.h>

#include <cmath>

#include "apps/testtime/adaptation.h"
#include "apps/train/task.h"
#include "core/error.h"
#include "nn/registry.h"
#include "nn/testtime/prediction_entropy.h"

using namespace gradus;

namespace gradus::attack_tests {

DatasetInfo grey(int64 side) {
  DatasetInfo info{.name = "grey", .example = {1, side, side}, .classes = 3};
  info.mean = {0.25}, info.std = {0.5};
  return info;
}
Batch batch_of(int64 n, int64 side, std::uint64_t seed) {
  Rng rng(seed);
  Batch b;
  // Pixels in [0,1], standardised by mean 0.25 and deviation 0.5.
  b.x = rng.uniform_tensor({n, 1, side, side}, real(-0.5), real(1.5));
  b.y = IntTensor({n}), b.index = IntTensor({n});
  for (int64 i = 0; i < n; ++i) b.y.mutable_data()[i] = i % 3, b.index.mutable_data()[i] = 10 + i;
  return b;
}
std::unique_ptr<Model> model_of(const char* spec, int64 side) {
  auto model = make_model(spec, data_shape(grey(side)), Rng(3));
  model->set_training(false);
  return model;
}
double at(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }
std::vector<real> state_of(Model& model) {
  std::vector<real> all;
  for (const ParameterPtr& p : model.parameters())
    all.insert(all.end(), p->value.data(), p->value.data() + p->value.numel());
  model.visit([&](Module& m, const std::string&) {
    for (Module::NamedBuffer& b : m.buffers())
      all.insert(all.end(), b.value.data(), b.value.data() + b.value.numel());
  });
  return all;
}

}  // namespace gradus::attack_tests
using namespace gradus::attack_tests;

TEST_CASE("attack fgsm: every pixel moves by eps along the sign of the loss's gradient, within [0,1]") {
  const auto model = model_of("mlp:hidden=4", 2);
  const Batch b = batch_of(4, 2, 7);
  const Batch a = attacked_batch(*make_attack("fgsm:eps=0.05"), *model, b, grey(2));
  // By finite differences of the loss of each row.
  const auto loss_of_row = [&](const Tensor& x, int64 row) {
    Batch asked = b;
    asked.x = x;
    const Tensor logits = (*model)(asked.x);
    double most = -1e30, total = 0;
    for (int64 k = 0; k < 3; ++k) most = std::max(most, at(logits, 3 * row + k));
    for (int64 k = 0; k < 3; ++k) total += std::exp(at(logits, 3 * row + k) - most);
    return most + std::log(total) - at(logits, 3 * row + b.y[row]);
  };
  for (int64 i = 0; i < b.x.numel(); ++i) {
    Tensor more = b.x.clone();
    more.mutable_data()[i] += real(0.02);
    const double slope = loss_of_row(more, i / 4) - loss_of_row(b.x, i / 4);
    const double before = 0.5 * at(b.x, i) + 0.25, after = 0.5 * at(a.x, i) + 0.25;
    const double wanted = std::clamp(before + (slope > 0 ? 0.05 : -0.05), 0.0, 1.0);
    if (std::abs(slope) > 1e-4) CHECK(after == doctest::Approx(wanted).epsilon(1e-4));
  }
  for (int64 i = 0; i < 4; ++i) CHECK(a.y[i] == b.y[i]);
}

TEST_CASE("attack pgd: within eps, no weaker than fgsm, rows by their index whatever the batch") {
  const auto model = model_of("mlp:hidden=8", 4);
  const Batch b = batch_of(6, 4, 8);
  const auto loss = [&](const Batch& batch) {
    const Tensor logits = (*model)(batch.x);
    double total = 0;
    for (int64 row = 0; row < batch.size(); ++row) {
      double sum = 0;
      for (int64 k = 0; k < 3; ++k) sum += std::exp(at(logits, 3 * row + k));
      total += std::log(sum) - at(logits, 3 * row + batch.y[row]);
    }
    return total;
  };
  const auto pgd = make_attack("pgd:eps=0.1,steps=20");
  const Batch a = attacked_batch(*pgd, *model, b, grey(4));
  for (int64 i = 0; i < b.x.numel(); ++i) CHECK(std::abs(at(a.x, i) - at(b.x, i)) <= 0.2 + 1e-5);
  CHECK(loss(a) > loss(b) + 0.1);
  CHECK(loss(a) >= loss(attacked_batch(*make_attack("fgsm:eps=0.1"), *model, b, grey(4))) - 1e-3);
  Batch last = b;
  last.x = b.x.rows(4, 6).clone(), last.y = b.y.rows(4, 6), last.index = b.index.rows(4, 6);
  const Batch alone = attacked_batch(*pgd, *model, last, grey(4));
  for (int64 i = 0; i < alone.x.numel(); ++i)
    CHECK(at(alone.x, i) == doctest::Approx(at(a.x, 4 * 16 + i)).epsilon(1e-4));
  CHECK_THROWS_WITH_AS(make_attack("pdg"), doctest::Contains("pgd"), UsageError);
  CHECK_THROWS_AS(make_attack("pgd:eps=-1"), UsageError);
}

TEST_CASE("adaptation: entropy falls, weights and statistics come back, statistics are the batch's") {
  const auto model = model_of("resnet8", 8);
  const std::vector<real> before = state_of(*model);
  const Batch b = batch_of(8, 8, 9);
  const auto entropy = [](const Tensor& logits) { return at(prediction_entropy(logits), 0); };
  const Recording off(false);
  {
    const auto none = make_adaptation("entropy:steps=0", *model);
    const auto some = make_adaptation("entropy:steps=5,lr=1e-2", *model);
    CHECK(entropy(some->output(b)) < entropy(none->output(b)) - 1e-3);
  }
  CHECK(state_of(*model) == before);
  {
    // Batch norm by the batch: a shift of all pixels changes nothing behind the first convolution without padding's border.
    const auto episodic = make_adaptation("entropy:steps=3,episodic=true", *model);
    const Tensor first = episodic->output(b), again = episodic->output(b);
    for (int64 i = 0; i < first.numel(); ++i)
      CHECK(at(first, i) == doctest::Approx(at(again, i)).epsilon(1e-4));
    const auto online = make_adaptation("entropy:steps=3", *model);
    const Tensor once = online->output(b), twice = online->output(b);
    CHECK(std::abs(at(once, 0) - at(twice, 0)) > 1e-5);
  }
  CHECK(state_of(*model) == before);
  {
    const Tensor trained = (*model)(b.x);
    const Tensor batch = make_adaptation("batch-statistics", *model)->output(b);
    CHECK(std::abs(at(trained, 0) - at(batch, 0)) > 1e-4);
  }
  CHECK(state_of(*model) == before);
  const auto plain = model_of("mlp:hidden=4", 4);
  CHECK_THROWS_WITH_AS(make_adaptation("entropy", *plain), doctest::Contains("parameters=bias"), UsageError);
  CHECK_THROWS_AS(make_adaptation("batch-statistics", *plain), UsageError);
  CHECK_THROWS_WITH_AS(make_adaptation("entrpy", *plain), doctest::Contains("entropy"), UsageError);
}

TEST_CASE("adaptation entropy-scale: of each image the surest scale, never less sure than the image itself") {
  const auto model = model_of("mlp:hidden=8", 6);
  const Batch b = batch_of(5, 6, 11);
  const Recording off(false);
  const Tensor plain = pixel_entropy((*model)(b.x)),
               chosen = pixel_entropy(make_adaptation("entropy-scale:low=0.5,high=2", *model)->output(b));
  double gain = 0;
  for (int64 i = 0; i < 5; ++i) {
    CHECK(at(chosen, i) <= at(plain, i) + 1e-6);
    gain += at(plain, i) - at(chosen, i);
  }
  CHECK(gain > 1e-4);
  CHECK_THROWS_AS(make_adaptation("entropy-scale:low=2,high=1", *model), UsageError);
}
