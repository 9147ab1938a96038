// muP: roles by width, first values, multipliers.
#include "nn/mup.h"

#include <cmath>
#include <map>

#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/nn/model_sizes.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::mup_tests {

std::map<std::string, WidthRole> roles_of(Model& model, const MupOptions& o) {
  const Mup mup = parametrise_mup(model, o);
  std::map<std::string, WidthRole> roles;
  const Parameters parameters = model.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) roles[parameters[i]->name] = mup.roles[i];
  return roles;
}
double rms(const Tensor& t) {
  double sum = 0;
  for (const real x : t.span()) sum += double(x) * double(x);
  return std::sqrt(sum / double(t.numel()));
}
double value_rms(Model& model, const char* name) { return rms(model.find_slot(name).parameter()->value); }

TEST_CASE("mup: widths in specs") {
  CHECK(width_of("mlp:hidden=256-128") == 256);
  CHECK(width_of("gpt") == 128);
  CHECK(spec_at_width("mlp:hidden=256-128", 1, 2) == "mlp:hidden=128-64");
  CHECK(spec_at_width("gpt:layers=2,dim=48", 3, 2) == "gpt:layers=2,dim=72");
  CHECK(message([] { spec_at_width("mlp:hidden=5", 1, 2); }) ==
        "mup: mlp:hidden=5 cannot be made 1/2 times as wide: hidden is no whole number then");
  CHECK(message([] {
          width_of("airbench");
        }).starts_with("mup: model airbench has no width that is known; those"));
  CHECK_THROWS_AS(width_of("mlp:hidden=none"), UsageError);
}

TEST_CASE("mup: which sides of a parameter grow decides its role") {
  const auto mlp = make_model("mlp:hidden=32-16", kMnist, Rng(1));
  const auto roles = roles_of(*mlp, {.base = 8});
  CHECK(roles.at("fc1.weight") == WidthRole::kVector);
  CHECK(roles.at("fc1.bias") == WidthRole::kVector);
  CHECK(roles.at("fc2.weight") == WidthRole::kMatrix);
  CHECK(roles.at("fc3.weight") == WidthRole::kHead);
  CHECK(roles.at("fc3.bias") == WidthRole::kFixed);
  const auto gpt = make_model("gpt:block=8,dim=16,layers=1,heads=2", kText, Rng(1));
  const auto of_gpt = roles_of(*gpt, {.base = 8});
  CHECK(of_gpt.at("transformer.wte.weight") == WidthRole::kVector);
  CHECK(of_gpt.at("transformer.wpe.weight") == WidthRole::kVector);
  CHECK(of_gpt.at("transformer.h.0.attn.c_attn.weight") == WidthRole::kMatrix);
  CHECK(of_gpt.at("transformer.h.0.mlp.c_proj.weight") == WidthRole::kMatrix);
  CHECK(of_gpt.at("transformer.h.0.ln_1.weight") == WidthRole::kVector);
  CHECK(of_gpt.at("lm_head.weight") == WidthRole::kHead);
  CHECK(message([] {
          const auto tied = make_model("gpt:dim=16,tie=true,heads=2", kText, Rng(1));
          parametrise_mup(*tied, {});
        }).find("no output layer of its own") != std::string::npos);
}

TEST_CASE("mup: first values at four times the width are those of the base, matrices half as large") {
  const auto base = make_model("mlp:hidden=64-64", kMnist, Rng(1)),
             wide = make_model("mlp:hidden=256-256", kMnist, Rng(1));
  parametrise_mup(*wide, {.base = 64});
  CHECK(value_rms(*wide, "fc1.weight") == doctest::Approx(value_rms(*base, "fc1.weight")).epsilon(0.02));
  CHECK(value_rms(*wide, "fc2.weight") == doctest::Approx(value_rms(*base, "fc2.weight") / 2).epsilon(0.02));
  CHECK(value_rms(*wide, "fc2.bias") == doctest::Approx(value_rms(*base, "fc2.bias")).epsilon(0.15));
  CHECK(value_rms(*wide, "fc3.weight") == doctest::Approx(value_rms(*base, "fc3.weight")).epsilon(0.1));
  // torch's matrices fall as 1/sqrt(fan_in) by themselves: not a bit changes.
  const auto untouched = make_model("mlp:hidden=256-256", kMnist, Rng(1));
  CHECK(gap(wide->find_slot("fc2.weight").parameter()->value,
            untouched->find_slot("fc2.weight").parameter()->value) == 0);
  // gpt's have a constant std and are scaled; its embeddings are not.
  const auto gpt = make_model("gpt:dim=64,layers=1", kText, Rng(1)),
             plain = make_model("gpt:dim=64,layers=1", kText, Rng(1));
  parametrise_mup(*gpt, {.base = 16});
  const auto ratio = [&](const char* name) { return value_rms(*gpt, name) / value_rms(*plain, name); };
  CHECK(ratio("transformer.h.0.mlp.c_fc.weight") == doctest::Approx(0.5).epsilon(1e-5));
  CHECK(ratio("transformer.h.0.attn.c_proj.weight") == doctest::Approx(0.5).epsilon(1e-5));
  CHECK(ratio("transformer.wte.weight") == 1);
  CHECK(ratio("lm_head.weight") == 1);
}

TEST_CASE("mup: logits and queries have their multipliers; at the base nothing changes") {
  const auto gpt = make_model("gpt:block=8,dim=32,layers=1,heads=2", kText, Rng(1));
  const Mup mup = parametrise_mup(*gpt, {.base = 8});
  CHECK(mup.k == 4);
  const auto ratio = [&](const char* name, int64 i) {
    const ParamSlot slot = gpt->find_slot(name);
    return double(slot.value().data()[i]) / double(slot.parameter()->value.data()[i]);
  };
  CHECK(ratio("lm_head.weight", 5) == doctest::Approx(0.25));
  CHECK(ratio("transformer.h.0.attn.c_attn.weight", 31 * 32) ==
        doctest::Approx(0.5));                                       // the last row of queries
  CHECK(ratio("transformer.h.0.attn.c_attn.weight", 32 * 32) == 1);  // the first of keys
  // Heads whose number grows keep their size, and their scale.
  const auto many = make_model("gpt:block=8,dim=32,layers=1,heads=2", kText, Rng(1));
  CHECK(parametrise_mup(*many, {.base = 8, .heads = "number"}).factors.size() == 1);

  const auto at_base = make_model("gpt:block=8,dim=32,layers=1,heads=2", kText, Rng(1)),
             plain = make_model("gpt:block=8,dim=32,layers=1,heads=2", kText, Rng(1));
  parametrise_mup(*at_base, {.base = 32});
  const auto theirs = state_dict(*plain), ours = effective_state_dict(*at_base);
  for (size_t i = 0; i < theirs.size(); ++i) CHECK(gap(theirs[i].second, ours[i].second) == 0);
}

}  // namespace gradus::mup_tests
