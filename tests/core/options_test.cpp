#include "core/options.h"

#include <doctest/doctest.h>

#include "core/error.h"

using namespace gradus;

namespace {
struct Sample {
  double lr = 1e-3;
  int64 depth = 2;
  bool flag = false;
  std::string act = "relu";
  std::vector<int64> hidden = {256, 128};
  std::optional<double> beta;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("depth", depth, "layers", at_least(1));
    f("flag", flag, "a flag");
    f("act", act, "activation", choices({"relu", "tanh"}));
    f("hidden", hidden, "sizes", at_least(1));
    f("beta", beta, "decay", decay_rate());
  }
};
struct Betas {
  std::vector<double> betas = {0, 0.9};
  void visit(auto&& f) { f("betas", betas, "decays", decay_rate()); }
};
}  // namespace

TEST_CASE("options: a spec is taken apart, nested ones too") {
  const Spec s = parse_spec("sam(sgd:lr=0.1,momentum=0.9):rho=0.05,adaptive=true");
  CHECK(s.name == "sam");
  CHECK(s.inner == "sgd:lr=0.1,momentum=0.9");
  CHECK(s.options == OptionList{{"rho", "0.05"}, {"adaptive", "true"}});
  CHECK(s.str() == "sam(sgd:lr=0.1,momentum=0.9):rho=0.05,adaptive=true");
  CHECK_THROWS_AS(parse_spec("adam:lr"), UsageError);
  CHECK_THROWS_AS(parse_spec("adam:lr=1,lr=2"), UsageError);
  CHECK_THROWS_AS(parse_spec("sam(sgd:rho=1"), UsageError);
  CHECK_THROWS_AS(parse_spec(":lr=1"), UsageError);
}

TEST_CASE("options: values are set, checked and written back") {
  Sample o;
  set_options(o, parse_spec("m:lr=0.5,depth=3,flag=yes,act=tanh,hidden=8-4-2,beta=0.9").options, "model m");
  CHECK(o.lr == 0.5);
  CHECK(o.depth == 3);
  CHECK(o.flag);
  CHECK(o.act == "tanh");
  CHECK(o.hidden == std::vector<int64>{8, 4, 2});
  CHECK(o.beta == 0.9);
  Sample copy;
  set_options(copy, option_list(o), "model m");
  CHECK(option_list(copy) == option_list(o));
  CHECK(describe_options<Sample>()[0].limits == "> 0");
  CHECK(describe_options<Sample>()[5].default_value == "none");
}

TEST_CASE("options: mistakes are refused with the valid choices") {
  Sample o;
  const auto message = [&](const char* text) {
    try {
      set_options(o, parse_options(text), "model m");
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  CHECK(message("dpth=3") ==
        "model m: unknown option 'dpth'; did you mean 'depth'? valid: lr, depth, flag, act, hidden, beta");
  CHECK(message("lr=-1") == "model m: lr = -1 is out of range: needs > 0");
  CHECK(message("lr=fast") == "model m: lr needs a number, not 'fast'");
  CHECK(message("lr=nan") == "model m: lr needs a number, not 'nan'");
  CHECK(message("depth=2.5") == "model m: depth needs an integer, not '2.5'");
  CHECK(message("act=relo") == "model m: act: unknown value 'relo'; did you mean 'relu'? valid: relu, tanh");
  CHECK(message("beta=1") == "model m: beta = 1 is out of range: needs 0 <= x < 1");
  CHECK(message("hidden=8-x") == "model m: hidden needs integers joined by '-', not 'x'");
}

TEST_CASE("options: a list of numbers is joined by '-', which is no sign but behind an exponent") {
  Betas o;
  CHECK(describe_options(o)[0].type == "numbers");
  CHECK(describe_options(o)[0].default_value == "0-0.9");
  set_options(o, {{"betas", "0.5-1e-05-2E-3-0"}}, "m");
  CHECK(o.betas == std::vector<double>{0.5, 1e-5, 2e-3, 0});
  Betas copy;
  set_options(copy, option_list(o), "m");
  CHECK(copy.betas == o.betas);
  set_options(o, {{"betas", "none"}}, "m");
  CHECK(o.betas.empty());
  for (const char* bad : {"", "-0.5", "0.5-", "0.5--0.1", "0.5-x", "0.5-1", "1e--1", "nan"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(set_options(o, {{"betas", bad}}, "m"), UsageError);
  }
  CHECK(o.betas.empty());
}

TEST_CASE("options: quotes protect commas, parentheses and quotes in a value") {
  const Spec s = parse_spec(R"(csv:path="a, (b\".csv",target=y)");
  CHECK(s.options == OptionList{{"path", "a, (b\".csv"}, {"target", "y"}});
  CHECK(parse_spec(s.str()).options == s.options);  // written back, it says the same
  CHECK(s.str() == R"(csv:path="a, (b\".csv",target=y)");
  for (const char* value : {"plain", "a,b", "a)b", "(a,b)", "\"a", "a\\b,", "a\\", "x=\"y", ""}) {
    const Spec spec{"csv", "", {{"path", value}, {"seed", "1"}}};
    CAPTURE(spec.str());
    CHECK(parse_spec(spec.str()).options == spec.options);
  }
  // Without a comma nothing needs quotes, and a quote or backslash inside a value is itself.
  CHECK(parse_spec("csv:path=5\"disk\\x.csv").options == OptionList{{"path", "5\"disk\\x.csv"}});
  CHECK(parse_spec("sam(f:path=\"a),b\"):rho=1").inner == "f:path=\"a),b\"");
  CHECK_THROWS_WITH_AS(parse_spec("csv:path=a,b.csv"), doctest::Contains("path=\"a,b.csv\""), UsageError);
  CHECK_THROWS_WITH_AS(parse_spec("csv:path=a(b.csv"), doctest::Contains("path=\"a(b.csv\""), UsageError);
  CHECK_THROWS_WITH_AS(parse_spec("csv:path=\"a,b.csv"), doctest::Contains("closing quote"), UsageError);
  CHECK_THROWS_WITH_AS(parse_spec("csv:path=\"a\"b"), doctest::Contains("behind the closing quote"),
                       UsageError);
}

TEST_CASE("options: a number too small for its type is 0, one too large is refused") {
  Sample o;
  set_options(o, {{"beta", "1e-400"}}, "m");
  CHECK(o.beta == 0);
  CHECK_THROWS_AS(set_options(o, {{"lr", "1e400"}}, "m"), UsageError);
}

TEST_CASE("names: case and underscores are no difference for the nearest") {
  CHECK(nearest("MNIST", {"digits", "mnist", "fashion-mnist"}) == "mnist");
  CHECK(nearest("Weight-Decay", {"lr", "weight_decay"}) == "weight_decay");
  CHECK(nearest("xyz", {"lr", "weight_decay"}).empty());
}
