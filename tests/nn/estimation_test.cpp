// Running statistics estimated anew (nn/modes.h, EstimationScope).
#include <doctest/doctest.h>

#include "nn/layers/dropout.h"
#include "nn/layers/norm.h"
#include "nn/modes.h"
#include "tests/precision.h"

using namespace gradus;

namespace {

struct NormThenDropout : Module {
  BatchNorm2d& norm = add<BatchNorm2d>("norm", 1);
  Dropout& drop = add<Dropout>("drop", 0.5);
  Tensor forward(const Input& x) override { return drop(norm(x)); }
};

Tensor column(const std::vector<real>& values) {
  return Tensor::from({static_cast<int64>(values.size()), 1}, values);
}

}  // namespace

TEST_CASE(
    "estimation: running statistics become the mean over the passes, whatever they were; dropout is off") {
  NormThenDropout net;
  net.norm.weight.parameter()->value.fill(1);
  net.norm.running_mean.fill(100);
  net.norm.running_var.fill(7);
  const double close = sizeof(real) == 8 ? 1e-12 : 1e-6;
  const Recording off(false);
  {
    EstimationScope scope(net);
    scope.next();
    const Tensor y = net(column({1, 3}));  // mean 2, variance 1 (unbiased 2)
    CHECK(y.data()[0] == doctest::Approx(-1 / std::sqrt(1 + 1e-5)).epsilon(close));
    CHECK(y.data()[1] == doctest::Approx(1 / std::sqrt(1 + 1e-5)).epsilon(close));
    CHECK(net.norm.running_mean.item() == doctest::Approx(2).epsilon(close));
    CHECK(net.norm.running_var.item() == doctest::Approx(2).epsilon(close));
    scope.next();
    net(column({2, 6}));  // mean 4, unbiased variance 8
    scope.next();
    net(column({0, 0}));
  }
  CHECK(net.norm.running_mean.item() == doctest::Approx(2).epsilon(close));        // (2 + 4 + 0)/3
  CHECK(net.norm.running_var.item() == doctest::Approx(10.0 / 3).epsilon(close));  // (2 + 8 + 0)/3
  CHECK(net.training());
  // Afterwards evaluation leaves them alone, and training moves them by the layer's own momentum.
  {
    const ModeScope evaluation(net, false);
    net(column({50, 60}));
  }
  CHECK(net.norm.running_mean.item() == doctest::Approx(2).epsilon(close));
  net(column({1, 3}));
  CHECK(net.norm.running_mean.item() == doctest::Approx(2).epsilon(close));
  CHECK(net.norm.running_var.item() == doctest::Approx(0.9 * 10 / 3 + 0.1 * 2).epsilon(close));
}
