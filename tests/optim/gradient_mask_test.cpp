// Gradient masks and the wrapper around a rule: the card's checks.
#include "optim/wrappers/gradient_mask.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "optim/registry.h"

using namespace gradus;

namespace gradus::gradient_mask_tests {

using Mask = std::vector<std::uint8_t>;

Mask mask_of(std::vector<real> g, double keep, const std::string& selection = "largest",
             std::vector<double> random = {}) {
  return gradient_mask(g, {keep, selection}, random);
}

struct Steps {
  Parameters parameters;
  OptimizerPtr optimizer;
  Steps(const std::string& spec, std::vector<std::vector<real>> start) {
    for (const auto& values : start)
      parameters.push_back(make_parameter("p" + std::to_string(parameters.size()), ParamKind::kWeight,
                                          Tensor::from({static_cast<int64>(values.size())}, values)));
    optimizer = make_optimizer(spec, parameters);
  }
  void step(std::vector<std::vector<real>> grads) {
    for (size_t i = 0; i < grads.size(); ++i)
      parameters[i]->grad = Tensor::from({static_cast<int64>(grads[i].size())}, grads[i]);
    optimizer->step();
  }
  std::vector<real> values(size_t i) const { return parameters[i]->value.values(); }
};

TEST_CASE("gradient mask: the largest entries of a tensor, one at least, ties keep more") {
  const std::vector<real> g{real(0.1), real(-0.5), real(0.3), real(0.2)};
  CHECK(mask_of(g, 0.5) == Mask{0, 1, 1, 0});
  CHECK(mask_of(g, 0.1) == Mask{0, 1, 0, 0});
  CHECK(mask_of(g, 1) == Mask{1, 1, 1, 1});
  CHECK(mask_of(g, 0.5, "smallest") == Mask{1, 0, 0, 1});
  CHECK(mask_of(g, 0.5, "random", {0.4, 0.1, 0.2, 0.9}) == Mask{1, 0, 0, 1});
  CHECK(mask_of({1, -1, 0, 1}, 0.25) == Mask{1, 1, 0, 1});
  CHECK(mask_of({0, 0}, 0.5) == Mask{1, 1});
  CHECK_THROWS_AS(mask_of(g, 0.5, "random", {1}), ShapeError);
}

TEST_CASE("gradient mask: of micro-gradients the mean is masked, or each by its own mask") {
  const std::vector<std::vector<real>> micro{{4, 1, 0}, {-4, 2, 1}};
  const MaskedGradient mean = masked_mean(micro, {0.34, "largest"}, false);
  CHECK(mean.mask == Mask{0, 1, 0});
  CHECK(mean.gradient == std::vector<double>{0, 1.5, 0});
  const MaskedGradient each = masked_mean(micro, {0.34, "largest"}, true);
  CHECK(each.mask == Mask{1, 0, 0});
  CHECK(each.gradient == std::vector<double>{0, 0, 0});
  CHECK_THROWS_AS(masked_mean({}, {}, false), ShapeError);
}

TEST_CASE("gradient-mask: a step of sgd moves K entries of each tensor, each tensor has its own") {
  Steps s("gradient-mask(sgd:lr=1):keep_ratio=0.5", {{0, 0}, {0, 0}});
  s.step({{100, 90}, {real(0.25), real(0.125)}});
  CHECK(s.values(0) == std::vector<real>{-100, 0});
  CHECK(s.values(1) == std::vector<real>{real(-0.25), 0});
}

TEST_CASE("gradient-mask: keep_ratio = 1 is the rule itself, bit for bit") {
  Steps plain("adamw:lr=0.1,weight_decay=0.1", {{1, 2, 3}});
  Steps masked("gradient-mask(adamw:lr=0.1,weight_decay=0.1):keep_ratio=1", {{1, 2, 3}});
  for (int t = 1; t < 5; ++t) {
    const std::vector<real> g{real(0.3) / static_cast<real>(t), real(-0.2), real(t)};
    plain.step({g});
    masked.step({g});
    CHECK(masked.values(0) == plain.values(0));
  }
}

TEST_CASE(
    "gradient-mask: with target=update what was never selected keeps its bits, also under momentum and "
    "decay") {
  Steps update("gradient-mask(adamw:lr=0.1,weight_decay=0.1):keep_ratio=0.34,target=update", {{1, 2, 3}});
  Steps gradient("gradient-mask(adamw:lr=0.1,weight_decay=0.1):keep_ratio=0.34", {{1, 2, 3}});
  for (int t = 0; t < 3; ++t) {
    update.step({{5, real(0.1), t == 1 ? real(9) : real(0.2)}});
    gradient.step({{5, real(0.1), t == 1 ? real(9) : real(0.2)}});
  }
  CHECK(update.values(0)[1] == 2);
  CHECK(update.values(0)[0] < 1);
  CHECK(update.values(0)[2] < 3);
  CHECK(gradient.values(0)[1] == doctest::Approx(2 * 0.99 * 0.99 * 0.99).epsilon(1e-6));  // decay alone
}

TEST_CASE("gradient-mask: a fixed mask is that of the first step; random ones are drawn by seed and step") {
  Steps fixed("gradient-mask(sgd:lr=1):keep_ratio=0.5,selection=fixed", {{0, 0}});
  fixed.step({{2, 1}});
  fixed.step({{1, 2}});
  CHECK(fixed.values(0) == std::vector<real>{-3, 0});
  const auto run = [](int seed) {
    Steps s("gradient-mask(sgd:lr=1):keep_ratio=0.25,selection=random,seed=" + std::to_string(seed),
            {std::vector<real>(16, 0)});
    for (int t = 0; t < 3; ++t) s.step({std::vector<real>(16, 1)});
    return s.values(0);
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
  real sum = 0;
  for (const real v : run(1)) sum += v;
  CHECK(sum == -12);  // four of sixteen entries in each of three steps
}

}  // namespace gradus::gradient_mask_tests
