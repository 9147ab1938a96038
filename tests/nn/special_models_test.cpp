// What only one model has: whitening filters, time and class, codes, first values.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/shape_ops.h"
#include "nn/models/autoencoder.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "nn/task_loss.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/nn/model_sizes.h"

using namespace gradus;
using namespace gradus::tests;

TEST_CASE("airbench: fitted filters whiten the patches of the images they were fitted to") {
  auto model = make_model("airbench:widths=4-4-4", {2, 16, 16, 3}, Rng(0));
  const Tensor images = numbers({64, 2, 16, 16}, 1);
  model->prepare(images);
  Module& whiten = model->find("whiten");
  for (const real b : model->find_slot("whiten.bias").value().span()) CHECK(b == 0);
  const Tensor y = whiten(images);  // (64,16,15,15): eight filters, then their negatives
  const int64 plane = 15 * 15;
  for (int64 a = 0; a < 8; ++a)
    for (int64 b = 0; b < 8; ++b) {
      double dot = 0;
      for (int64 n = 0; n < 64; ++n)
        for (int64 i = 0; i < plane; ++i)
          dot += static_cast<double>(y.data()[(n * 16 + a) * plane + i] * y.data()[(n * 16 + b) * plane + i]);
      CHECK(std::abs(dot / static_cast<double>(64 * plane) - (a == b)) < 0.01);
      CHECK(y.data()[a * plane + b] == -y.data()[(8 + a) * plane + b]);
    }
  CHECK(model->find_slot("whiten.weight").parameter()->frozen);
  CHECK(model->find_slot("blocks.0.conv1.weight").value().at({1, 1, 1, 1}) == 1);
  CHECK(model->find_slot("blocks.0.conv1.weight").value().at({1, 0, 1, 1}) == 0);
}

TEST_CASE("unet: depends on time and class; needs a time") {
  auto model = make_model("unet:channels=4,mults=1-2,heads=2", {1, 4, 4, 3}, Rng(0));
  fill(*model);
  Input x = numbers({2, 1, 4, 4}, 1);
  CHECK_THROWS_AS((*model)(x), ShapeError);
  x.time = Tensor::from({2}, {real(0.2), real(0.2)});
  const Tensor none = (*model)(x);
  x.classes = IntTensor::from({2}, {-1, 2});
  const Tensor classed = (*model)(x);
  CHECK(gap(slice(none, 0, 0, 1), slice(classed, 0, 0, 1)) == 0);
  CHECK(gap(slice(none, 0, 1, 2), slice(classed, 0, 1, 2)) > 1e-3);
  x.time = Tensor::from({2}, {real(0.7), real(0.2)});
  CHECK(gap(slice((*model)(x), 0, 0, 1), slice(classed, 0, 0, 1)) > 1e-3);
  x.classes = IntTensor::from({2}, {0, 3});
  CHECK_NOTHROW((*model)(x));  // row 3 is "none"
  x.classes = IntTensor::from({2}, {0, 4});
  CHECK_THROWS_AS((*model)(x), Error);
}

TEST_CASE("diffusion: noise is added as the schedule says") {
  CHECK(cosine_alpha_bar(0) == 1);
  CHECK(cosine_alpha_bar(1) < 1e-9);
  CHECK(cosine_alpha_bar(0.5) == doctest::Approx(0.4938).epsilon(1e-3));
  Input clean = numbers({4, 1, 2, 2}, 1);
  clean.classes = IntTensor::from({4}, {0, 1, 2, 0});
  Rng rng(1);
  const TaskBatch batch = add_noise(clean, rng, 0);
  for (int64 i = 0; i < 16; ++i) {
    const double abar = cosine_alpha_bar(static_cast<double>(batch.input.time.data()[i / 4]));
    const double expected = std::sqrt(abar) * static_cast<double>(clean.values().data()[i]) +
                            std::sqrt(1 - abar) * static_cast<double>(batch.target.values.data()[i]);
    CHECK(static_cast<double>(batch.input.values().data()[i]) == doctest::Approx(expected).epsilon(1e-5));
  }
  CHECK(batch.input.classes.values() == clean.classes.values());
  CHECK(add_noise(clean, rng, 1).input.classes.values() == std::vector<int64>(4, -1));
}

TEST_CASE("autoencoder: code and reconstruction") {
  Autoencoder model({.hidden = {6}, .code = 3}, {.channels = 1, .height = 3, .width = 3});
  model.initialise(Rng(0));
  const Tensor x = numbers({2, 1, 3, 3}, 1), code = model.encode(x);
  CHECK(code.shape() == Shape{2, 3});
  CHECK(gap(model.decode(code), reshape(model(x), Shape{2, 9})) == 0);
  CHECK(model(x).shape() == x.shape());
}

TEST_CASE("siren: first values are the paper's") {
  auto model = make_model("siren:hidden=64,layers=2,omega=30",
                          {.channels = 2, .height = 1, .width = 1, .targets = 1}, Rng(0));
  const auto largest = [&](const char* name) {
    double m = 0;
    for (real v : model->find_slot(name).value().span()) m = std::max(m, std::abs(static_cast<double>(v)));
    return m;
  };
  CHECK(largest("net.0.weight") <= 0.5);
  CHECK(largest("net.0.weight") > 0.45);
  CHECK(largest("net.1.weight") <= std::sqrt(6.0 / 64) / 30 * (1 + 1e-6));
  CHECK(largest("net.1.weight") > 0.95 * std::sqrt(6.0 / 64) / 30);
}
