#include "nn/module.h"

#include <doctest/doctest.h>

#include "nn/modes.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

// y = x + shift, shape of x (2); counts its passes in a buffer.
struct Shift : Module {
  ParamSlot shift = parameter("shift", ParamKind::kBias, {2}, init::uniform(1));
  Tensor& passes = buffer("passes", Tensor::zeros({1}));
  Tensor forward(const Input& x) override {
    const Tensor s = shift;
    if (!(x.values().shape() == s.shape()))
      fail<ShapeError>("shift: {} onto {}", s.shape().str(), x.shape().str());
    if (training() && run().update_statistics) passes.mutable_data()[0] += 1;
    Tensor y(s.shape());
    for (int64 i = 0; i < 2; ++i) y.mutable_data()[i] = x.values().data()[i] + s.data()[i];
    return y;
  }
};
struct Inner : Module {
  Shift& a = add<Shift>("a");
  Shift& b = add<Shift>("b");
  Tensor forward(const Input& x) override { return b(a(x)); }
};
struct Net : Module {
  ParamSlot scale = parameter("scale", ParamKind::kNorm, {3}, init::ones());
  Inner& block = add<Inner>("block");
  Inner& tail = add<Inner>("tail");
  Tensor forward(const Input& x) override { return tail(block(x)); }
};

}  // namespace

TEST_CASE("module: parameters carry full names in order of registration") {
  Net net;
  std::vector<std::string> names;
  for (const auto& p : net.parameters()) names.push_back(p->name);
  CHECK(names ==
        std::vector<std::string>{"scale", "block.a.shift", "block.b.shift", "tail.a.shift", "tail.b.shift"});
  CHECK(net.tail.b.path() == "tail.b");
  CHECK(&net.find("tail.b") == &net.tail.b);
  CHECK(net.find_slot("tail.a.shift") == net.tail.a.shift);
  CHECK(message([&] { net.find("tail.d"); }).starts_with("unknown module 'tail.d'; did you mean 'tail"));
  CHECK_THROWS_AS(net.find_slot("tail.a"), UsageError);
}

TEST_CASE("module: names are full whichever of parent and child was attached first") {
  struct Grows : Module {
    Grows() { add<Inner>("late"); }
    void grow() { parameter("own", ParamKind::kBias, {1}, init::zeros()); }
    Tensor forward(const Input& x) override { return x.values(); }
  };
  struct Outer : Module {
    Grows& first = add<Grows>("first");
    Outer() { first.grow(); }
    Tensor forward(const Input& x) override { return x.values(); }
  };
  struct Top : Module {
    Outer& outer = add<Outer>("outer");
    Tensor forward(const Input& x) override { return x.values(); }
  };
  Top net;
  std::vector<std::string> names, paths;
  for (const auto& p : net.parameters()) names.push_back(p->name);
  for (const auto& entry : state_dict(net))
    if (!entry.first.ends_with("passes")) paths.push_back(entry.first);
  CHECK(names ==
        std::vector<std::string>{"outer.first.own", "outer.first.late.a.shift", "outer.first.late.b.shift"});
  CHECK(paths == names);
}

TEST_CASE("module: names are one word and unique") {
  struct Bad : Module {
    Bad(const char* first, const char* second) {
      add<Shift>(first);
      parameter(second, ParamKind::kBias, {1}, init::zeros());
    }
    Tensor forward(const Input& x) override { return x.values(); }
  };
  CHECK_NOTHROW(Bad("a", "b"));
  CHECK(message([] { Bad("a", "a"); }) == "module: the name 'a' is taken");
  CHECK_THROWS_AS(Bad("", "b"), UsageError);
  CHECK_THROWS_AS(Bad("a", "b.c"), UsageError);
}

TEST_CASE("module: first values depend on the seed and the name only") {
  Net net, again;
  Inner alone;
  net.initialise(Rng(7));
  again.initialise(Rng(7));
  for (size_t i = 0; i < 5; ++i)
    CHECK(net.parameters()[i]->value.values() == again.parameters()[i]->value.values());
  CHECK(net.block.a.shift.value().values() != net.block.b.shift.value().values());
  again.initialise(Rng(8));
  CHECK(net.block.a.shift.value().values() != again.block.a.shift.value().values());
  Rng expected = Rng(7).fork("tail.b.shift");
  CHECK(net.tail.b.shift.value().values() == expected.uniform_tensor({2}, -1, 1).values());
  CHECK(net.scale.value().values() == std::vector<real>{1, 1, 1});
}

TEST_CASE("module: errors carry the path of the module they come from") {
  Net net;
  CHECK(message([&] { net(Tensor::zeros({3})); }) == "shift: (2) onto (3) (in block.a)");
  CHECK(message([&] { net(IntTensor::arange(2)); }) ==
        "expected numbers, got token ids of shape (2) (in block.a)");
}

TEST_CASE("module: one run state serves the whole tree") {
  Net net;
  CHECK(net.tail.b.training());
  net.tail.b.set_training(false);
  CHECK_FALSE(net.training());
  net(Tensor::zeros({2}));
  CHECK(net.block.a.passes.item() == 0);
  {
    const ModeScope train(net.block, true);
    net(Tensor::zeros({2}));
  }
  CHECK_FALSE(net.training());
  CHECK(net.block.a.passes.item() == 1);
  net.set_training(true);
  const Rng::State start = net.run().rng.state();
  const std::uint32_t first = net.tail.run().rng.bits32(), second = net.run().rng.bits32();
  {
    const Reevaluation again(net, start);
    net(Tensor::zeros({2}));
    CHECK(net.block.run().rng.bits32() == first);
  }
  CHECK(net.block.a.passes.item() == 1);
  CHECK(net.run().update_statistics);
  Rng straight;
  straight.set_state(start);
  straight.bits32();
  CHECK(straight.bits32() == second);
  CHECK(net.run().rng.bits32() == straight.bits32());
}

TEST_CASE("module: a functional call computes with other values and puts the parameters back") {
  Inner net;
  const std::vector<Tensor> values{Tensor::from({2}, {1, 2}), Tensor::from({2}, {10, 20})};
  CHECK(functional_call(net, values, Tensor::from({2}, {100, 200})).values() == std::vector<real>{111, 222});
  CHECK(net(Tensor::from({2}, {100, 200})).values() == std::vector<real>{100, 200});
  {
    const ParameterSwap outer(net, values);
    const std::vector<Tensor> partly{Tensor(), Tensor::from({2}, {5, 5})};
    CHECK(functional_call(net, partly, Tensor::zeros({2})).values() == std::vector<real>{5, 5});
    CHECK(net(Tensor::zeros({2})).values() == std::vector<real>{11, 22});
  }
  CHECK_THROWS_AS(functional_call(net, std::vector<Tensor>(1), Tensor::zeros({2})), ShapeError);
  const std::vector<Tensor> wrong{Tensor(), Tensor::zeros({3})};
  CHECK(message([&] { functional_call(net, wrong, Tensor::zeros({2})); }) ==
        "functional call: shape (3) for parameter b.shift of shape (2)");
  CHECK(net(Tensor::zeros({2})).values() == std::vector<real>{0, 0});
}

TEST_CASE("module: slots see maps; frozen parameters are constants") {
  Inner net;
  net.a.shift.set_map([](const Tensor& t) {
    Tensor u = t.clone();
    for (int64 i = 0; i < u.numel(); ++i) u.mutable_data()[i] += 3;
    return u;
  });
  CHECK(net(Tensor::zeros({2})).values() == std::vector<real>{3, 3});
  net.a.shift.set_map({});
  CHECK(net(Tensor::zeros({2})).values() == std::vector<real>{0, 0});
  CHECK(requires_grad(net.a.shift.value()));
  net.parameters()[0]->frozen = true;
  CHECK_FALSE(requires_grad(net.a.shift.value()));
  net.a.shift.set_map([](const Tensor&) { return Tensor::zeros({1}); });
  CHECK_THROWS_AS(net(Tensor::zeros({2})), ShapeError);
}

TEST_CASE("module: a shared slot is one parameter under two names") {
  struct Tied : Module {
    Shift& a = add<Shift>("a");
    Tied() { share("other", a.shift); }
    Tensor forward(const Input& x) override { return a(x); }
  };
  Tied net;
  CHECK(net.parameters().size() == 1);
  const StateDict state = state_dict(net);
  REQUIRE(state.size() == 3);
  CHECK(state[0].first == "other");
  CHECK(state[1].first == "a.shift");
  CHECK(state[0].second.same_storage(state[1].second));
  const std::vector<Tensor> value{Tensor::from({2}, {1, 2})};
  CHECK(functional_call(net, value, Tensor::zeros({2})).values() == std::vector<real>{1, 2});
}

TEST_CASE("module: hooks and traces see every call") {
  Net net;
  std::vector<std::string> seen;
  {
    const CallTrace trace([&](Module& m, const Input&, const Tensor&) { seen.push_back(m.path()); });
    net(Tensor::zeros({2}));
  }
  CHECK(seen == std::vector<std::string>{"block.a", "block.b", "block", "tail.a", "tail.b", "tail", ""});
  net.block.set_output_hook([](Module&, const Input&, const Tensor&) { return Tensor::from({2}, {7, 8}); });
  CHECK(net(Tensor::zeros({2})).values() == std::vector<real>{7, 8});
  CHECK(seen.size() == 7);
}

TEST_CASE("state dict: parameters, then buffers, then children; loads back") {
  Net net, other;
  net.initialise(Rng(1));
  net.tail.b.passes.fill(5);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(net)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"scale", "block.a.shift", "block.a.passes", "block.b.shift",
                                          "block.b.passes", "tail.a.shift", "tail.a.passes", "tail.b.shift",
                                          "tail.b.passes"});
  StateDict state = state_dict(net);
  std::reverse(state.begin(), state.end());
  state.emplace_back("bn.num_batches_tracked", Tensor::zeros({}));
  load_state_dict(other, state);
  CHECK(other.tail.b.passes.item() == 5);
  CHECK(other.block.b.shift.value().values() == net.block.b.shift.value().values());
}

TEST_CASE("state dict: what does not fit is listed and nothing is changed") {
  Net net;
  net.initialise(Rng(1));
  StateDict state;
  for (const auto& [name, tensor] : state_dict(net))
    state.emplace_back(name, Tensor::full(tensor.shape(), 9));
  state.erase(state.begin() + 1);
  state[0].second = Tensor::zeros({4});
  state.emplace_back("extra.weight", Tensor::zeros({1}));
  const auto before = net.tail.a.shift.value().values();
  CHECK(message([&] { load_state_dict(net, state, "w.safetensors"); }) ==
        "w.safetensors does not fit the model: missing (1): block.a.shift; unexpected (1): extra.weight; "
        "wrong shape (1): scale is (4) not (3)");
  CHECK(message([&] { load_state_dict(net, state, "w", false); }) ==
        "w does not fit the model: wrong shape (1): scale is (4) not (3)");
  CHECK(net.tail.a.shift.value().values() == before);
  state.erase(state.begin());
  load_state_dict(net, state, "w", false);
  CHECK(net.tail.a.shift.value().values() == std::vector<real>{9, 9});
  CHECK(net.scale.value().values() == std::vector<real>{1, 1, 1});
  state.push_back(state.back());
  CHECK(message([&] { load_state_dict(net, state, "w"); }) == "w: 'extra.weight' occurs twice");
}
