// Server rules: the paper's figures in both forms, what a later round without displacement does, state, refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "optim/server/server_rule.h"

using namespace gradus;

namespace {

constexpr bool kServersInDouble = sizeof(real) == 8;

doctest::Approx server_figure(double value, double digits = 1e-9) {
  return doctest::Approx(value).epsilon(kServersInDouble ? digits : 2e-5).scale(1e-12);
}

// x after each displacement of one coordinate, from 0.
std::vector<double> server_path(ServerRule& rule, const std::vector<double>& deltas) {
  Tensor x = Tensor::zeros({1});
  std::vector<double> path;
  for (const double d : deltas) {
    rule.step(x, {Tensor::full({1}, static_cast<real>(d)), 1});
    path.push_back(static_cast<double>(x.data()[0]));
  }
  return path;
}

// x and the clients' factor after each displacement; two clients who differ by four times its square.
std::vector<double> server_course(ServerRule& rule, const std::vector<double>& deltas) {
  Tensor x = Tensor::zeros({1});
  std::vector<double> course;
  for (const double d : deltas) {
    rule.step(x, {Tensor::full({1}, static_cast<real>(d)), 2, 4 * d * d});
    course.push_back(static_cast<double>(x.data()[0]));
    course.push_back(rule.client_lr_scale());
  }
  return course;
}

double kept(const ServerRule& rule, const char* slot) {
  return static_cast<double>(rule.slot(slot)->data()[0]);
}

}  // namespace

TEST_CASE("fedopt, form paper: two rounds by hand, v from tau^2, no bias correction") {
  struct Expected {
    const char* spec;
    double step1, v1, step2, v2;
  };
  // Delta = 0.5, then -0.2; lr 0.1, beta1 0.9, beta2 0.99, tau 1e-3.
  for (const Expected& e :
       {Expected{"fedadam:lr=0.1,form=paper", .0980201901, .00250099, .0457639387, .0028759801},
        Expected{"fedyogi:lr=0.1,form=paper", .0980199980, .002501, .0455697690, .00290100},
        Expected{"fedadagrad:lr=0.1,form=paper,beta1=0.9", .0099800200, .250001, .0046337708, .290001}}) {
    CAPTURE(e.spec);
    const ServerRulePtr one = make_server_rule(e.spec), two = make_server_rule(e.spec);
    CHECK(server_path(*one, {0.5})[0] == server_figure(e.step1));  // added: x moves with the clients
    CHECK(kept(*one, "m") == server_figure(0.05));
    CHECK(kept(*one, "v") == server_figure(e.v1));
    const auto path = server_path(*two, {0.5, -0.2});
    CHECK(path[1] - path[0] == server_figure(e.step2, 1e-8));
    CHECK(kept(*two, "m") == server_figure(0.025));
    CHECK(kept(*two, "v") == server_figure(e.v2, 1e-8));
  }
}

TEST_CASE("fedopt, form keras: the first round by hand, v from 0, bias correction but for fedadagrad") {
  for (const char* spec : {"fedadam:lr=0.1", "fedyogi:lr=0.1,form=keras,beta1=0.9,beta2=0.999,tau=1e-3"}) {
    CAPTURE(spec);
    const ServerRulePtr rule = make_server_rule(spec);
    CHECK(server_path(*rule, {0.5})[0] == server_figure(.0940516513));
  }
  // The second round: m = 0.45*... by the formulas, in double.
  const ServerRulePtr adam = make_server_rule("fedadam:lr=0.1");
  const auto path = server_path(*adam, {0.5, -0.2});
  const double m = 0.9 * 0.05 + 0.1 * -0.2, v = 0.999 * 0.00025 + 0.001 * 0.04;
  const double lr = 0.1 * std::sqrt(1 - 0.999 * 0.999) / (1 - 0.81);
  CHECK(path[1] - path[0] == server_figure(lr * m / (std::sqrt(v) + 1e-3)));
  const ServerRulePtr adagrad = make_server_rule("fedadagrad:lr=0.1");
  CHECK(server_path(*adagrad, {0.5})[0] == server_figure(.0998003992));
  CHECK(kept(*adagrad, "m") == server_figure(0.5));  // beta1 = 0
}

TEST_CASE(
    "fedopt: sign(0) = 0 of fedyogi; v rises towards a larger Delta^2 and falls towards a smaller one") {
  // v_0 = tau^2 = 0.25 = Delta^2: v stays.
  const ServerRulePtr rule = make_server_rule("fedyogi:lr=1,form=paper,tau=0.5,beta2=0.9");
  server_path(*rule, {0.5});
  CHECK(kept(*rule, "v") == 0.25);
  const auto v_after = [](double delta) {
    const ServerRulePtr fresh = make_server_rule("fedyogi:lr=1,form=paper,tau=0.5,beta2=0.9");
    server_path(*fresh, {delta});
    return kept(*fresh, "v");
  };
  CHECK(v_after(0.25) == server_figure(0.25 - 0.1 * 0.0625));
  CHECK(v_after(1) == server_figure(0.25 + 0.1 * 1));
}

TEST_CASE("fedopt: a later round of Delta = 0 leaves fedyogi's v, lets fedadam's decay, and x goes on by m") {
  for (const char* form : {"paper", "keras"}) {
    CAPTURE(form);
    const std::string tail = std::string(":lr=0.1,beta2=0.99,form=") + form;
    const ServerRulePtr yogi = make_server_rule("fedyogi" + tail), adam = make_server_rule("fedadam" + tail);
    const double v1 = (form == std::string("paper") ? 1e-6 : 0) * 0.99 + 0.01 * 0.25;
    const auto path = server_path(*adam, {0.5, 0});
    CHECK(kept(*adam, "v") == server_figure(0.99 * v1));
    CHECK(path[1] > path[0]);
    CHECK(kept(*adam, "m") == server_figure(0.045));
    server_path(*yogi, {0.5});
    const double v = kept(*yogi, "v");
    Tensor x = Tensor::zeros({1});
    yogi->step(x, {Tensor::zeros({1}), 1});
    CHECK(kept(*yogi, "v") == v);
    CHECK(x.data()[0] > 0);
  }
}

TEST_CASE("fedopt, form torch: Adam with bias correction and eps beside the corrected root") {
  const ServerRulePtr rule = make_server_rule("fedadam:lr=0.1,form=torch,tau=0.01");
  const auto path = server_path(*rule, {0.5, -0.2});
  CHECK(path[0] == server_figure(0.1 * 0.5 / (0.5 + 0.01)));
  const double m = (0.9 * 0.05 - 0.1 * 0.2) / (1 - 0.81),
               v = (0.999 * 0.00025 + 0.001 * 0.04) / (1 - 0.999 * 0.999);
  CHECK(path[1] - path[0] == server_figure(0.1 * m / (std::sqrt(v) + 0.01), 1e-8));
}

TEST_CASE("fedavg, fedavgm: the mean itself, and its momentum") {
  const ServerRulePtr mean = make_server_rule("fedavg"), half = make_server_rule("fedavg:lr=0.5");
  CHECK(server_path(*mean, {0.5, -0.25}) == std::vector<double>{0.5, 0.25});
  CHECK(server_path(*half, {0.5, -0.25}) == std::vector<double>{0.25, 0.125});
  const ServerRulePtr momentum = make_server_rule("fedavgm:lr=0.5,momentum=0.5");
  CHECK(server_path(*momentum, {0.5, -0.25, 0}) == std::vector<double>{0.25, 0.25, 0.25});
  CHECK(kept(*momentum, "m") == 0);
}

TEST_CASE(
    "server rules: every option changes the path, the spec makes the rule again, state goes on bit for bit") {
  const std::vector<double> deltas{2, -1.5, 1, 3};
  const std::map<std::string, std::string> others{
      {"form", "paper"}, {"lr", "0.2"}, {"bounds", "paper"}, {"gamma_beta", "1"}};
  for (const ServerRuleEntry& entry : server_rules()) {
    CAPTURE(entry.name);
    const ServerRulePtr whole = entry.make({});
    const auto course = server_course(*whole, deltas);
    CHECK(server_course(*make_server_rule(whole->spec()), deltas) == course);
    std::set<std::vector<double>> courses{course};
    for (const OptionInfo& option : entry.options) {
      const auto other = others.find(option.name);
      courses.insert(
          server_course(*entry.make({{option.name, other == others.end() ? "0.3" : other->second}}), deltas));
    }
    CHECK(courses.size() == entry.options.size() + 1);

    const ServerRulePtr first = entry.make({}), second = entry.make({});
    server_course(*first, {2, -1.5});
    Tensor x = Tensor::full({1}, static_cast<real>(course[2]));
    second->load_state(first->save_state());
    for (size_t i = 2; i < deltas.size(); ++i)
      second->step(x, {Tensor::full({1}, static_cast<real>(deltas[i])), 2, 4 * deltas[i] * deltas[i]});
    CHECK(static_cast<double>(x.data()[0]) == course[6]);
    CHECK(second->save_state().scalars == whole->save_state().scalars);
    CHECK(second->save_state().scalars.at("server/t") == 4);
  }
}

TEST_CASE("server rules: what is refused changes nothing") {
  CHECK_THROWS_WITH_AS(make_server_rule("fedadm"), doctest::Contains("did you mean 'fedadam'"), UsageError);
  CHECK_THROWS_WITH_AS(make_server_rule("fedadam:beta3=1"), doctest::Contains("server rule fedadam"),
                       UsageError);
  CHECK_THROWS_AS(make_server_rule("fedadam:form=tensorflow"), UsageError);
  CHECK_THROWS_AS(make_server_rule("fedadam:lr=0"), UsageError);
  CHECK_THROWS_AS(make_server_rule("fedavg(adam)"), UsageError);
  const ServerRulePtr rule = make_server_rule("fedadam");
  Tensor x = Tensor::ones({2});
  rule->step(x, {Tensor::full({2}, real(0.5)), 1});
  const std::vector<real> before = x.values();
  const real nan = std::numeric_limits<real>::quiet_NaN();
  CHECK_THROWS_AS(rule->step(x, {Tensor::from({2}, {real(1), nan}), 1}), NumericError);
  CHECK_THROWS_AS(rule->step(x, {Tensor::ones({3}), 1}), ShapeError);
  CHECK(x.values() == before);
  CHECK(rule->save_state().scalars.at("server/t") == 1);
  SavedState other;
  other.scalars["fc1.weight/t"] = 1;
  CHECK_THROWS_AS(rule->load_state(other), DataError);
  CHECK(rule->save_state().scalars.at("server/t") == 1);
}
