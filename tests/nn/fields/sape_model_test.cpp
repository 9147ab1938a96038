// The model of the mask: what it sees first, when the mask grows, that its state lies in buffers.
#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "nn/models/sape.h"
#include "nn/registry.h"

using namespace gradus;

namespace gradus::sape_model_tests {

constexpr DataShape kPlane{.channels = 2, .height = 1, .width = 1, .targets = 1};
std::unique_ptr<Model> sape_model(const std::string& options) {
  return make_model("sape:hidden=4,layers=1,frequencies=2,sigma=2,res=4,iterations=8" + options, kPlane,
                    Rng(2));
}
double mask_sum(Model& model) {
  for (Module::NamedBuffer& b : model.buffers())
    if (b.name == "mask") {
      double total = 0;
      for (int64 i = 0; i < b.value.numel(); ++i) total += static_cast<double>(b.value.data()[i]);
      return total;
    }
  return -1;
}
// A training pass and its targets.
void step(Model& model, const Tensor& x, const Tensor& y) {
  model(x);
  const std::vector<Tensor> targets = {y};
  dynamic_cast<LossWatcher&>(model).watch(targets);
}

}  // namespace gradus::sape_model_tests
using namespace gradus::sape_model_tests;

TEST_CASE("sape model: coordinates alone at first, then a block a period where the loss is above epsilon") {
  Rng rng(4);
  const Tensor x = rng.uniform_tensor({40, 2}, -1, 1), far = Tensor::full({40, 1}, real(3));
  const auto model = sape_model("");
  model->set_training(true);
  // 16 cells, 6 columns: 2 coordinates first. Blocks of 2 columns, (6-2)/2 = 2 of them, period 8/(2*2) = 2.
  CHECK(mask_sum(*model) == 16 * 2);
  for (int t = 0; t < 2; ++t) step(*model, x, far);
  CHECK(mask_sum(*model) == 16 * 4);
  double grown = 0;
  for (int t = 2; t < 8; ++t) step(*model, x, far), grown = mask_sum(*model);
  CHECK(grown == 16 * 6);
  const auto content = sape_model(",epsilon=100");
  content->set_training(true);
  for (int t = 0; t < 8; ++t) step(*content, x, far);
  CHECK(mask_sum(*content) == 16 * 2);
  CHECK(mask_sum(*sape_model(",channels=all")) == 16 * 6);
}

TEST_CASE(
    "sape model: evaluation leaves the mask, a copy of the buffers goes on alike, points beyond see the "
    "border") {
  Rng rng(5);
  const Tensor x = rng.uniform_tensor({30, 2}, -1, 1), y = rng.normal_tensor({30, 1});
  const auto one = sape_model(""), two = sape_model("");
  one->set_training(true), two->set_training(true);
  for (int t = 0; t < 3; ++t) step(*one, x, y);
  // Weights are equal from the start; the state that differs is put over.
  for (size_t i = 0; i < one->buffers().size(); ++i)
    std::copy_n(one->buffers()[i].value.data(), one->buffers()[i].value.numel(),
                two->buffers()[i].value.mutable_data());
  for (int t = 0; t < 3; ++t) step(*one, x, y), step(*two, x, y);
  const Tensor a = (*one)(x), b = (*two)(x);
  for (int64 i = 0; i < 30; ++i) CHECK(a.data()[i] == b.data()[i]);
  CHECK(std::isfinite(static_cast<double>((*one)(Tensor::full({1, 2}, real(1.5))).item())));
  CHECK(one->trainable().size() == 4);  // frequencies stay
  CHECK_THROWS_WITH_AS(make_model("sape", {.channels = 1, .height = 28, .width = 28, .targets = 1}, Rng(0)),
                       doctest::Contains("coordinates"), UsageError);
}
