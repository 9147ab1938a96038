// Wrappers, chains and companions: around everything in the optimizer registry.
#include "tests/optim/contract.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("wrappers: around every optimizer they train, resume bit for bit, or refuse with both names") {
  std::vector<std::string> inner;
  for (const OptimizerEntry& entry : optimizers()) inner.push_back(plain_spec(entry));
  for (const OptimizerEntry& wrapper : optimizers()) {
    if (!wrapper.wraps || !tests::selected(wrapper.text.name)) continue;
    for (const std::string& inside : inner) {
      const std::string spec = wrapper.text.name + "(" + inside + ")";
      CAPTURE(spec);
      try {
        Problem whole(make_parameters()), halves(make_parameters());
        const auto uninterrupted = make_optimizer(spec, whole.parameters());
        auto interrupted = make_optimizer(spec, halves.parameters());
        for (int64 s = 1; s <= 5; ++s) {
          if (s == 3) {
            const SavedState saved = interrupted->save_state();
            interrupted = make_optimizer(spec, halves.parameters());
            interrupted->load_state(saved);
          }
          uninterrupted->step(whole.at(s), scale_at(s));
          interrupted->step(halves.at(s), scale_at(s));
        }
        CHECK(finite(weights(whole.parameters())));
        CHECK(weights(whole.parameters()) == weights(halves.parameters()));
      } catch (const UsageError& e) {
        const std::string what = e.what();
        CHECK(what.find(wrapper.text.name) != std::string::npos);
        CHECK(what.find(parse_spec(inside).name) != std::string::npos);
      }
    }
  }
}

TEST_CASE("chains: transforms, wrappers and companions nest, take groups, and resume bit for bit") {
  const std::vector<GroupSpec> groups = {parse_group("kind=bias:lr=0.01,weight_decay=0")};
  for (const std::string spec :
       {"clip-norm(adagc(component-clipping(adamw:lr=1e-2):max_clip_value=1):warmup_steps=3):max_norm=2",
        "sam(lawn(sgg(adam:lr=1e-2):recluster_interval=2):free_steps=2):rho=0.1",
        "ema(lookahead(companion(soap:lr=1e-2|lion:lr=1e-3):heads=true))",
        "gradient-regularization(clip-value(companion(muon|adamw))):gamma=0.1",
        "amp(nfnet-agc(coordinate-clipping(sgd:momentum=0.9)))", "companion(egn:momentum=0.5|adamw)",
        "accumulate(companion(lanton:lr=1e-2|adamw):embeddings=true):steps=2"}) {
    CAPTURE(spec);
    const auto whole = trajectory(spec, 9, groups);
    CHECK(finite(whole));
    Problem problem(make_parameters());
    auto optimizer = make_optimizer(spec, problem.parameters(), groups);
    for (int64 s = 1; s <= 9; ++s) {
      const SavedState saved = optimizer->save_state();
      optimizer = make_optimizer(spec, problem.parameters(), groups);
      optimizer->load_state(saved);
      optimizer->step(problem.at(s), scale_at(s));
    }
    const auto end = weights(problem.parameters());
    CHECK(std::equal(end.begin(), end.end(), whole.end() - static_cast<std::ptrdiff_t>(end.size())));
  }
}

TEST_CASE("companion: who takes what, groups by rule, refusals") {
  const auto option = [](const std::string& spec, const char* name, const char* key,
                         const std::vector<GroupSpec>& groups = {}) {
    const auto optimizer = make_optimizer(spec, make_parameters(), groups);
    for (const auto& p : optimizer->parameters())
      if (p->name == name) return optimizer->option(*p, key).value_or(-1);
    return -2.0;
  };
  const std::string spec = "companion(muon:lr=0.5|adamw:lr=0.25)";
  for (const char* matrix : {"w", "k"}) CHECK(option(spec, matrix, "lr") == 0.5);
  for (const char* other : {"b", "e", "h"}) CHECK(option(spec, other, "lr") == 0.25);
  CHECK(option(spec + ":heads=true", "h", "lr") == 0.5);
  CHECK(option(spec + ":embeddings=true", "e", "lr") == 0.5);
  CHECK(option("companion(muon:lr=0.5)", "b", "lr") == 1e-3);
  CHECK(option(spec, "b", "eps", {parse_group("*:eps=0.125")}) == 0.125);
  CHECK_THROWS_AS(option(spec, "b", "lr", {parse_group("*:nonsense=1")}), UsageError);
  for (const char* bad : {"companion(muon|oasis)", "companion(muon|adamw|sgd)", "companion",
                          "companion(muon|)x", "companion(muon|companion2)", "companion(nonsense|adamw)"})
    CHECK_THROWS_AS(make_optimizer(bad, make_parameters()), UsageError);
}
