// The channel estimator's parameters: the counts of the paper's code.
#include "nn/signals/fortitran_network.h"

#include <doctest/doctest.h>

#include "core/error.h"

using namespace gradus;

namespace gradus::fortitran_network_tests {

int64 count(const FortitranNetwork& n, const std::string& beginning = "") {
  int64 total = 0;
  for (const ParameterPtr& p : n.parameters())
    if (p->name.starts_with(beginning)) total += p->value.numel();
  return total;
}
FortitranSize of_kind(const char* kind) {
  FortitranSize s;
  s.kind = kind;
  return s;
}

}  // namespace gradus::fortitran_network_tests
using namespace gradus::fortitran_network_tests;

TEST_CASE("fortitran network: as many numbers as the reference's") {
  const FortitranNetwork full(of_kind("adafortitran"), Rng(0));
  CHECK(count(full) == 987746);
  CHECK(count(full, "conv1.") == 4801);
  CHECK(count(full, "up.") == 42000);
  CHECK(count(full, "adapter.") == 73290);
  CHECK(count(full, "layers.") == 794880);
  CHECK(count(FortitranNetwork(of_kind("fortitran"), Rng(0))) == 913688);
  CHECK(count(FortitranNetwork(of_kind("linear"), Rng(0))) == 42000);
  CHECK(count(FortitranNetwork(of_kind("transformer"), Rng(0))) == 913688 - 2 * 4801);
  CHECK_THROWS_AS(FortitranNetwork(of_kind("fortran"), Rng(0)), UsageError);
  FortitranSize uncovered;
  uncovered.patch_height = 7;
  CHECK_THROWS_AS(FortitranNetwork(uncovered, Rng(0)), ShapeError);
}

TEST_CASE("fortitran network: only the adapter's kind hears conditions; linear is the linear map") {
  FortitranSize s;
  s.pilot_rows = 2, s.subcarriers = 6, s.width = 8, s.num_layers = 1, s.num_heads = 2, s.feed_forward = 8,
  s.num_positions = 14, s.conv_channels = {2, 2, 2}, s.adapter_hidden = {2, 3};
  Rng rng(4);
  const Tensor pilots = rng.normal_tensor({2, 2, 2}), here = rng.uniform_tensor({2, 3}),
               there = rng.uniform_tensor({2, 3});
  const auto difference = [&](const char* kind) {
    s.kind = kind;
    const FortitranNetwork n(s, Rng(5));
    std::vector<Tensor> values;
    for (const ParameterPtr& p : n.parameters()) values.push_back(p->value);
    const Tensor a = n.estimate(values, pilots, here), b = n.estimate(values, pilots, there);
    REQUIRE(a.shape() == Shape{2, 6, 14});
    double most = 0;
    for (int64 i = 0; i < a.numel(); ++i)
      most = std::max(most, std::abs(static_cast<double>(a.data()[i] - b.data()[i])));
    return most;
  };
  CHECK(difference("adafortitran") > 1e-6);
  for (const char* kind : {"fortitran", "transformer", "linear"}) CHECK(difference(kind) == 0);
}
