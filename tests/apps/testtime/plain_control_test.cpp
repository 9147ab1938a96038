// The controller without bounds: its loss by hand, what it learns, its clip.
#include "apps/control/plain_control.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

TEST_CASE("plain control: J of its own commands, the expert's or the person's as gamma says") {
  Rng rng(1);
  const Tensor features = rng.uniform_tensor({60, 2}, -1, 1);
  Tensor human({60, 1}), expert({60, 1});
  for (int64 i = 0; i < 60; ++i) {
    human.mutable_data()[i] = real(0.3) * features.data()[2 * i];
    expert.mutable_data()[i] = real(0.5) * features.data()[2 * i + 1];
  }
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    double total = 0;
    for (int64 i = 0; i < 60; ++i) total += std::pow(static_cast<double>(a.data()[i] - b.data()[i]), 2) / 60;
    return total;
  };
  for (const double gamma : {0.0, 1.0}) {
    PlainControlTraining c(features, human, expert, {8}, {.gamma = gamma, .lr = 1e-2}, Rng(2));
    const Tensor at_start = c.commands(features);
    const double J = gamma * distance(at_start, expert) + (1 - gamma) * distance(at_start, human);
    const double first = c.step();
    CHECK(first >= J - 1e-6);  // commands are clipped, J is of what is not
    for (int t = 0; t < 400; ++t) c.step();
    CHECK(distance(c.commands(features), gamma > 0 ? expert : human) < 1e-3);
    CHECK(distance(c.commands(features), gamma > 0 ? human : expert) > 1e-2);
  }
  // An expert far beyond what a machine takes: commands stay within [-1,1].
  PlainControlTraining far(features, human, Tensor::full({60, 1}, real(5)), {8}, {.gamma = 1, .lr = 5e-2},
                           Rng(2));
  for (int t = 0; t < 200; ++t) far.step();
  CHECK(far.commands(features).data()[0] == 1);
  CHECK_THROWS_AS(PlainControlTraining(features, human, Tensor({59, 1}), {8}, {}, Rng(2)), ShapeError);
}
