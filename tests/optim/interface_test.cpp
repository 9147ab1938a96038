// The interface around the rules: groups, state, wrappers, clipping, sums.
#include <limits>

#include "core/rng.h"
#include "core/threads.h"
#include "optim/elements.h"
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

struct TwoKinds {
  ParameterPtr w = make_parameter("fc.weight", ParamKind::kWeight, tensor({1, 2}, {1, 2}));
  ParameterPtr b = make_parameter("fc.bias", ParamKind::kBias, tensor({1}, {4}));
  OptimizerPtr optimizer;
  TwoKinds(const std::string& spec, const std::vector<GroupSpec>& groups = {})
      : optimizer(make_optimizer(spec, {w, b}, groups)) {}
  void step(const Values& gw, const Values& gb, double scale = 1) {
    w->grad = tensor({1, 2}, gw);
    b->grad = tensor({1}, gb);
    optimizer->step(scale);
  }
};

}  // namespace

TEST_CASE("baselines: first steps by hand") {
  // g = 0.5 + 0.1*2 = 0.7
  CHECK(near(run("sgd:lr=0.1,weight_decay=0.1", {{0.5}}, {2}, {1})[0][0], 2 - 0.07));
  const auto m = run("sgd:lr=0.1,momentum=0.5,dampening=0.25", {{1}, {1}}, {0}, {1});
  CHECK(near(m[0][0], -0.1));
  CHECK(near(m[1][0], -0.1 - 0.1 * (0.5 + 0.75)));
  CHECK(near(run("sgd:lr=0.1,momentum=0.5,nesterov=true", {{1}, {2}}, {0}, {1})[1][0],
             -0.15 - 0.1 * (2 + 0.5 * 2.5)));
  CHECK_THROWS_AS(run("sgd:nesterov=true", {{1}}, {0}, {1}), UsageError);
  CHECK(near(run("rmsprop:lr=0.1,beta2=0.75,eps=0.5", {{2}}, {0}, {1})[0][0], -0.1 * 2 / 1.5));
  CHECK(near(run("rmsprop:lr=0.1,beta2=0.75,eps=0.5,centered=true", {{2}}, {0}, {1})[0][0],
             -0.1 * 2 / (std::sqrt(0.75) + 0.5)));
  CHECK(near(run("rmsprop:lr=0.1,beta2=0,eps=1e-37,momentum=0.5", {{2}, {2}}, {0}, {1})[1][0], -0.1 - 0.15));
  CHECK(near(run("adagrad:lr=0.1,eps=1,initial_accumulator_value=7", {{3}}, {0}, {1})[0][0], -0.3 / 5));
  CHECK(near(run("adagrad:lr=0.1,lr_decay=1,eps=1e-37", {{3}, {4}}, {0}, {1})[1][0], -0.1 - 0.05 * 4 / 5));
  const double d = std::sqrt(0.01) / std::sqrt(0.1 * 4 + 0.01) * 2;
  CHECK(near(run("adadelta:lr=0.5,eps=0.01", {{2}}, {0}, {1})[0][0], -0.5 * d));
}

TEST_CASE("groups: by name pattern and kind, overriding only the given keys; the first match wins") {
  TwoKinds two("sgd:lr=0.1,weight_decay=0.5",
               {parse_group("*.bias:weight_decay=0"), parse_group("kind=bias:lr=9")});
  two.step({1, 1}, {1});
  CHECK(near(values_of(two.w->value), {1 - 0.1 * 1.5, 2 - 0.1 * 2}));
  CHECK(near(values_of(two.b->value), {3.9}));
  CHECK(two.optimizer->option(*two.b, "weight_decay") == 0.0);
  CHECK(two.optimizer->option(*two.w, "weight_decay") == 0.5);
  CHECK(!two.optimizer->option(*two.w, "beta1"));
  TwoKinds kinds("sgd:lr=0.1", {parse_group("kind=bias+norm:lr=1")});
  kinds.step({1, 1}, {1}, 0.5);
  CHECK(near(values_of(kinds.w->value), {0.95, 1.95}));
  CHECK(near(values_of(kinds.b->value), {3.5}));
  const GroupSpec g = parse_group("fc?.weight+head.*:lr=1,momentum=0.5");
  CHECK(g.names == std::vector<std::string>{"fc?.weight", "head.*"});
  CHECK(g.options == OptionList{{"lr", "1"}, {"momentum", "0.5"}});
  CHECK_THROWS_AS(parse_group("kind=bais:lr=1"), UsageError);
  CHECK_THROWS_AS(parse_group("fc"), UsageError);
  CHECK_THROWS_AS(parse_group(":lr=1"), UsageError);
  CHECK_THROWS_AS(TwoKinds("sgd", {parse_group("*:beta1=1")}), UsageError);
  CHECK_THROWS_AS(TwoKinds("sgd", {GroupSpec{{"*"}, {}, {}, {{"lr", "1"}}}}), UsageError);
}

TEST_CASE("groups: a wrapper keeps the keys it knows and hands on the rest") {
  TwoKinds two("lookahead(sgd:lr=0.1):k=1,alpha=1", {parse_group("*.bias:alpha=0.5,lr=1")});
  two.step({1, 1}, {1});
  CHECK(near(values_of(two.w->value), {0.9, 1.9}));
  CHECK(near(values_of(two.b->value), {3.5}));
}

TEST_CASE("lookahead: every k steps a part of the way from the slow weights") {
  const auto w = run("lookahead(sgd:lr=1):k=2,alpha=0.25", {{1}, {1}, {1}, {1}}, {0}, {1});
  CHECK(near(w[0][0], -1));
  CHECK(near(w[1][0], -0.5));
  CHECK(near(w[2][0], -1.5));
  CHECK(near(w[3][0], -1.0));
}

TEST_CASE("lookahead: along a ramp the slow step shrinks from 1 to alpha") {
  // alpha_1 = 1 - 0.75/8, alpha_2 = 1 - 0.75 = alpha_3.
  const auto w = run("lookahead(sgd:lr=1):k=1,alpha=0.25,ramp=2", {{1}, {1}, {1}}, {0}, {1});
  CHECK(near(w[0][0], -0.90625));
  CHECK(near(w[1][0], -0.90625 - 0.25));
  CHECK(near(w[2][0], -0.90625 - 0.5));
  const auto v = run("lookahead(sgd:lr=1):k=1,alpha=0.25,ramp=2,ramp_power=1", {{1}, {1}}, {0}, {1});
  CHECK(near(v[0][0], -0.625));
  CHECK(near(v[1][0], -0.875));
}

TEST_CASE("ema: trains as the rule inside, evaluates with the corrected mean") {
  Probe probe("ema(sgd:lr=1):decay=0.5", {0});
  probe.step({1});
  probe.step({2});
  CHECK(near(values_of(probe.p->value), {-3}));
  probe.optimizer->use_evaluation_weights(true);
  // (0.5*0.5*-1 + 0.5*-3)/(1 - 0.25)
  CHECK(near(values_of(probe.p->value), {-1.75 / 0.75}));
  probe.optimizer->use_evaluation_weights(false);
  CHECK(values_of(probe.p->value) == Values{-3});
}

TEST_CASE("accumulate: one step with the mean of the gradients") {
  const auto w = run("accumulate(sgd:lr=1,momentum=0.5):steps=2", {{1}, {3}, {4}, {6}}, {0}, {1});
  CHECK(w[0][0] == 0);
  CHECK(near(w[1][0], -2));
  CHECK(near(w[2][0], -2));
  CHECK(near(w[3][0], -2 - (1 + 5)));
  CHECK_THROWS_AS(run("accumulate(mars-adamw:is_approx=false)", {{1}}, {0}, {1}), UsageError);
}

TEST_CASE("delayed: gradients arrive late; without delay nothing changes") {
  const auto w = run("delayed(sgd:lr=1):delay=2", {{1}, {2}, {4}, {8}}, {0}, {1});
  CHECK(w[0][0] == 0);
  CHECK(w[1][0] == 0);
  CHECK(near(w[2][0], -1));
  CHECK(near(w[3][0], -3));
  CHECK(run("delayed(adam:lr=0.1):delay=0") == run("adam:lr=0.1"));
}

TEST_CASE("clipping: global norm over all parameters, values one by one, chains, shared gradient tensors") {
  TwoKinds two("clip-norm(sgd:lr=1):max_norm=1");
  two.step({3, 0}, {4});
  CHECK(near(values_of(two.w->value), {1 - 0.6, 2}, 1e-6));
  CHECK(near(values_of(two.b->value), {4 - 0.8}, 1e-6));
  two.step({0.1, 0}, {0.2});  // below: untouched
  CHECK(near(values_of(two.b->value), {3.0}, 1e-6));
  CHECK(near(run("clip-value(sgd:lr=1):max_value=0.5", {{3, -2, 0.1}})[0], {0.5, -1.5, 0.4}));
  // The outer transform acts first.
  CHECK(near(run("clip-value(clip-norm(sgd:lr=1):max_norm=0.6):max_value=0.8", {{3, 0, 0}}, {0, 0, 0})[0],
             {-0.6, 0, 0}, 1e-5, 1e-5));
  TwoKinds shared("clip-norm(sgd:lr=1):max_norm=1");
  shared.w->grad = tensor({1, 2}, {0, 2});
  const Tensor alias = shared.w->grad;
  shared.b->grad = tensor({1}, {0});
  shared.optimizer->step();
  CHECK(values_of(alias) == Values{0, 2});
}

TEST_CASE("state: named by parameter and slot; counters; a wrong shape is refused") {
  TwoKinds two("clip-norm(adam:lr=0.1)");
  two.step({1, 1}, {1});
  const SavedState saved = two.optimizer->save_state();
  CHECK(saved.tensors.contains("inner/fc.weight/m"));
  CHECK(saved.tensors.at("inner/fc.weight/v").shape() == Shape{1, 2});
  CHECK(saved.scalars.at("inner/fc.bias/t") == 1);
  CHECK(saved.scalars.at("inner/*/step") == 1);
  CHECK(two.optimizer->state_bytes() >= 6 * sizeof(real));
  SavedState bent = saved;
  bent.tensors.at("inner/fc.weight/m") = tensor({3}, {1, 2, 3});
  TwoKinds other("clip-norm(adam:lr=0.1)");
  other.optimizer->load_state(bent);
  CHECK_THROWS_AS(other.step({1, 1}, {1}), DataError);
  SavedState half = saved;
  half.scalars["inner/gone/t"] = 1;
  const SavedState before = two.optimizer->save_state();
  CHECK_THROWS_AS(two.optimizer->load_state(half), DataError);
  CHECK(two.optimizer->save_state().scalars == before.scalars);
}

TEST_CASE("state cost: slots and bytes as the rule stores them") {
  const auto cost = [](const char* name) { return state_cost(find_optimizer(name), {8, 16}); };
  CHECK(cost("sgd").bytes_per_parameter == 0);
  CHECK(cost("adam").slots == std::vector<std::string>{"m", "v"});
  // Rings are run until they are full, and named once.
  CHECK(cost("grokfast-ma").slots == std::vector<std::string>{"ring.0-99", "sum"});
  CHECK(cost("grokfast-ma").bytes_per_parameter == 101 * sizeof(real));
  CHECK(cost("lawa").slots == std::vector<std::string>{"ring.0-4"});
  CHECK(cost("adam").bytes_per_parameter == 2 * sizeof(real));
  CHECK(cost("adam").bytes_moved == 7 * sizeof(real));
  // Of the ten vectors kept a step writes one: w, m, v, the sum and that one read and written, g, and three passes more.
  CHECK(cost("adam-c").bytes_per_parameter == 13 * sizeof(real));
  CHECK(cost("adam-c").bytes_moved == 14 * sizeof(real));
  CHECK(cost("lion").bytes_per_parameter == sizeof(real));
  CHECK(cost("adafactor").bytes_per_parameter == sizeof(real) * 24.0 / 128.0);
}

TEST_CASE("needs: an objective that cannot give what the rule asks is refused by name") {
  try {
    run_matrix("mars-lion:is_approx=false");
    FAIL("accepted");
  } catch (const UsageError& e) {
    CHECK(std::string(e.what()).find("mars-lion") != std::string::npos);
    CHECK(std::string(e.what()).find("same batch") != std::string::npos);
  }
}

TEST_CASE("sums: exact on integers, independent of threads, blind to nothing") {
  const int before = threads();
  Tensor t({100003});
  for (int64 i = 0; i < t.numel(); ++i) t.mutable_data()[i] = static_cast<real>(i % 7);
  double expected = 0;
  for (real x : t.span()) expected += double(x) * double(x);
  CHECK(sum_of_squares(t) == expected);
  const Tensor noise = Rng(5).normal_tensor({100003});
  set_threads(1);
  const double one = dot(noise, t);
  set_threads(2);
  CHECK(dot(noise, t) == one);
  set_threads(before);
  CHECK(all_finite(t));
  t.mutable_data()[100002] = std::numeric_limits<real>::infinity();
  CHECK(!all_finite(t));
  CHECK_THROWS_AS(dot(t, tensor({3}, {1, 2, 3})), ShapeError);
}

TEST_CASE("passes: every infinity and NaN is found, in whole blocks and behind them, and nothing else") {
  using L = std::numeric_limits<real>;
  for (const int64 n : {1, 63, 64, 65, 1000, 300001}) {
    Tensor t = Tensor::full({n}, L::lowest());
    CHECK(all_finite(t));
    for (const int64 at : {int64{0}, n / 2, n - 1})
      for (const real bad : {L::infinity(), -L::infinity(), L::quiet_NaN(), -L::quiet_NaN()}) {
        CAPTURE(n);
        CAPTURE(at);
        t.mutable_data()[at] = bad;
        CHECK_FALSE(all_finite(t));
        t.mutable_data()[at] = L::denorm_min();
      }
    CHECK(all_finite(t));
  }
  CHECK(all_finite(Tensor(Shape{0})));
}

TEST_CASE("passes: each element once, the same bits for any number of threads, in cache and beyond") {
  const int before = threads();
  for (const int64 n : {1, 63, 64, 200, 40000, 300001}) {
    const Tensor g = Rng(1).normal_tensor({n}), start = Rng(2).normal_tensor({n});
    std::vector<std::vector<real>> results;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      Tensor w = start.clone(), visits = Tensor::zeros({n});
      for_each_element(w, g, visits, [](real& a, real b, real& v) {
        a = real(0.9) * a + b / (std::sqrt(std::abs(b)) + real(0.1));
        v += 1;
      });
      CHECK(visits.values() == std::vector<real>(static_cast<size_t>(n), 1));
      results.push_back(w.values());
      CHECK(results.back() == results[0]);
    }
    CHECK(results[0][static_cast<size_t>(n - 1)] ==
          doctest::Approx(0.9 * start.at({n - 1}) +
                          g.at({n - 1}) / (std::sqrt(std::abs(g.at({n - 1}))) + 0.1)));
  }
  set_threads(before);
}
