// What every entry of the optimizer registry must keep: its own description, its state, and whose it is.
#include <map>

#include "tests/optim/contract.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("every optimizer: describes itself, moves, and is made again from its own spec") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    CHECK(!entry.text.summary.empty());
    CHECK(!entry.text.paper.empty());
    CHECK(!entry.text.equations.empty());
    const auto run = trajectory(plain_spec(entry));
    CHECK(finite(run));
    const size_t n = weights(make_parameters()).size();
    CHECK(run[n] != run[run.size() - n]);
    const auto optimizer = make_optimizer(plain_spec(entry), make_parameters());
    CHECK(trajectory(optimizer->spec()) == run);
  });
}

TEST_CASE("every optimizer: saved at any step and loaded, it continues bit for bit") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    for (const int64 stop : {1, 5, 8}) {
      Problem problem(make_parameters());
      auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
      for (int64 s = 1; s <= 12; ++s) {
        if (s == stop + 1) {
          const SavedState saved = optimizer->save_state();
          optimizer = make_optimizer(plain_spec(entry), problem.parameters());
          optimizer->load_state(saved);
        }
        optimizer->step(problem.at(s), scale_at(s));
      }
      const auto end = weights(problem.parameters());
      const auto whole = trajectory(plain_spec(entry));
      CHECK(std::equal(end.begin(), end.end(), whole.end() - static_cast<std::ptrdiff_t>(end.size())));
    }
  });
}

namespace {

// What is saved of the parameter of that name.
std::map<std::string, Values> state_of(const Optimizer& optimizer, const std::string& name) {
  std::map<std::string, Values> out;
  const auto owned = [&](const std::string& key) {
    const std::string owner = key.substr(0, key.rfind('/'));
    return owner == name || owner.ends_with("/" + name);
  };
  const SavedState saved = optimizer.save_state();
  for (const auto& [key, value] : saved.tensors)
    if (owned(key)) out[key] = values_of(value);
  for (const auto& [key, value] : saved.scalars)
    if (owned(key)) out[key] = {value};
  return out;
}

}  // namespace

TEST_CASE("every optimizer: a frozen parameter and one without gradient keep value and state") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Problem problem(make_parameters());
    const auto& ps = problem.parameters();
    const auto optimizer = make_optimizer(plain_spec(entry), ps);
    optimizer->step(problem.at(1));
    ps[1]->frozen = true;
    const auto kept = values_of(ps[1]->value), moving = values_of(ps[0]->value);
    const auto state = state_of(*optimizer, ps[1]->name);
    for (int64 s = 2; s <= 12; ++s) optimizer->step(problem.at(s));
    CHECK(values_of(ps[1]->value) == kept);
    CHECK(state_of(*optimizer, ps[1]->name) == state);
    CHECK(values_of(ps[0]->value) != moving);
    ps[1]->frozen = false;
    for (int64 s = 13; s <= 24; ++s) optimizer->step(problem.at(s));
    CHECK(values_of(ps[1]->value) != kept);
    CHECK(finite(weights(ps)));
  });
}

TEST_CASE("every optimizer: a parameter added late starts afresh") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Parameters all = make_parameters();
    Parameters first(all.begin(), all.end() - 1);
    const auto optimizer = make_optimizer(plain_spec(entry), first);
    Problem early(first);
    for (int64 s = 1; s <= 3; ++s) optimizer->step(early.at(s));
    const auto before = values_of(all.back()->value);
    optimizer->add_parameter(all.back());
    CHECK_THROWS_AS(optimizer->add_parameter(all.back()), UsageError);
    Problem late(all);
    for (int64 s = 4; s <= 16; ++s) optimizer->step(late.at(s));
    CHECK(values_of(all.back()->value) != before);
    CHECK(finite(weights(all)));
  });
}
