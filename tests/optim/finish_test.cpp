// What happens to batches that wait for more of their kind when no more come, and groups that hold no parameter.
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

// The weight after these gradients and the end of the training.
double finished(const std::string& spec, const Values& gradients, double start = 0) {
  Probe probe(spec, {start});
  for (double g : gradients) probe.step({g});
  probe.optimizer->finish();
  CHECK_FALSE(probe.optimizer->pending());
  return values_of(probe.p->value)[0];
}

bool close_to(double a, double b) { return std::abs(a - b) <= 1e-5; }

}  // namespace

TEST_CASE("accumulate: batches left at the end make a step with their own mean; the next batch begins anew") {
  Probe probe("accumulate(sgd:lr=1):steps=4", {0});
  probe.optimizer->finish();  // nothing to do
  CHECK(values_of(probe.p->value) == Values{0});
  for (double g : {1.0, 2.0, 3.0, 6.0}) probe.step({g});
  CHECK(close_to(values_of(probe.p->value)[0], -3));
  CHECK_FALSE(probe.optimizer->pending());
  probe.step({1});
  probe.step({4});
  CHECK(probe.optimizer->pending());
  probe.optimizer->finish(2);  // lr_scale
  CHECK(close_to(values_of(probe.p->value)[0], -3 - 2 * 2.5));
  CHECK_FALSE(probe.optimizer->pending());
  probe.optimizer->finish();
  CHECK(close_to(values_of(probe.p->value)[0], -8));
  for (double g : {1.0, 1.0, 1.0}) CHECK(close_to(probe.step({g})[0], -8));
  CHECK(close_to(probe.step({5})[0], -10));
}

TEST_CASE("accumulate, inside of wrappers and around them: the last step is one like the others") {
  CHECK(close_to(finished("accumulate(accumulate(sgd:lr=1):steps=2):steps=2", {1, 3, 8}),
                 -5));  // mean(mean(1,3), 8)
  CHECK(close_to(finished("clip-norm(accumulate(sgd:lr=1):steps=3):max_norm=2", {1, 5}), -1.5));
  CHECK(close_to(finished("accumulate(clip-norm(sgd:lr=1):max_norm=2):steps=3", {1, 5}), -2));
  CHECK(close_to(finished("lookahead(accumulate(sgd:lr=1):steps=2):k=2,alpha=0.5", {4}), -2));
  CHECK(close_to(finished("coordinate-clipping(accumulate(sgd:lr=1):steps=3):mode=value,tau=0.5", {1, 5}),
                 -0.5));
  CHECK(close_to(finished("sam(accumulate(sgd:lr=1):steps=3)", {}), 0));
  Probe mean("ema(accumulate(sgd:lr=1):steps=2):decay=0.5", {0});
  mean.step({4});
  mean.optimizer->finish();
  mean.optimizer->use_evaluation_weights(true);
  CHECK(close_to(values_of(mean.p->value)[0], (0.5 * 0.5 * 0 + 0.5 * -4) / 0.75));
  mean.optimizer->use_evaluation_weights(false);
  CHECK(close_to(values_of(mean.p->value)[0], -4));
}

TEST_CASE(
    "groups: a pattern or a kind without a parameter, and a group behind others that take all, are refused") {
  const Parameters parameters = {make_parameter("fc1.weight", ParamKind::kWeight, Tensor::zeros({2, 2})),
                                 make_parameter("fc1.bias", ParamKind::kBias, Tensor::zeros({2}))};
  const auto refused = [&](const std::vector<std::string>& texts, const std::string& part) {
    std::vector<GroupSpec> groups;
    for (const std::string& text : texts) groups.push_back(parse_group(text));
    try {
      check_groups(groups, parameters);
    } catch (const UsageError& e) {
      CAPTURE(std::string(e.what()));
      return std::string(e.what()).find(part) != std::string::npos &&
             std::string(e.what()).find("fc1.weight (weight), fc1.bias (bias)") != std::string::npos;
    }
    return part.empty();
  };
  CHECK(refused({"nosuch*:lr=1"}, "no parameter matches 'nosuch*'"));
  CHECK(refused({"fc1.*+fc2.*:lr=1"}, "no parameter matches 'fc2.*'"));
  CHECK(refused({"kind=norm:lr=1"}, "no parameter is of kind norm"));
  CHECK(refused({"*:lr=1", "*.bias:lr=2"}, "all that match '*.bias' are in groups before it"));
  CHECK(refused({"kind=bias+norm:lr=1"}, ""));  // one of them is enough
  CHECK(refused({"*.bias:lr=2", "*:lr=1"}, ""));
}
