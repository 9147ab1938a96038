// --param: what the optimizer is given, files that need no --param, starts from files, refusals, the coordinate check.
#include "apps/train/parametrisation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/train/mup_check.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::parametrisation_tests {

TrainConfig tiny(const std::string& param, const std::string& optim) {
  TrainConfig config;
  config.data = "digits:train=64,test=16";
  config.model = "mlp:hidden=16-16";
  config.param = param;
  config.optim = optim;
  config.schedule = "constant";
  config.batch_size = 16;
  config.steps = 3;
  return config;
}

TEST_CASE("param mup: step sizes and decay of matrices by the width, of all others as given") {
  TrainConfig config = tiny("mup:base=4", "adamw:lr=0.1,weight_decay=0.3,eps=1e-6");
  config.group = {"fc2.bias:lr=0.5"};
  Trainer trainer(config);
  const auto option = [&](const char* parameter, const char* key) {
    return trainer.optimizer().option(*trainer.model().find_slot(parameter).parameter(), key).value();
  };
  CHECK(option("fc2.weight", "lr") == doctest::Approx(0.025));
  CHECK(option("fc2.weight", "weight_decay") == doctest::Approx(0.6));
  CHECK(option("fc2.weight", "eps") == doctest::Approx(1e-6));
  for (const char* name : {"fc1.weight", "fc3.weight", "fc1.bias"}) {
    CHECK(option(name, "lr") == 0.1);
    CHECK(option(name, "weight_decay") == 0);
  }
  CHECK(option("fc2.bias", "lr") == 0.5);
  CHECK(option("fc2.bias", "weight_decay") == 0);

  config.param = "mup:base=4,rule=linear,scale_eps=true";
  config.layer_decay = 0.5;
  Trainer both(config);
  const auto of_both = [&](const char* parameter, const char* key) {
    return both.optimizer().option(*both.model().find_slot(parameter).parameter(), key).value();
  };
  CHECK(of_both("fc2.weight", "lr") == doctest::Approx(0.0125));  // a layer below the last
  CHECK(of_both("fc1.weight", "lr") == doctest::Approx(0.025));
  CHECK(of_both("fc2.weight", "weight_decay") == doctest::Approx(1.2));
  CHECK(of_both("fc2.weight", "eps") == doctest::Approx(2.5e-7));
}

TEST_CASE("param mup: at the base the run is the standard one without decay of vectors, bit for bit") {
  TrainConfig config = tiny("standard", "adamw:lr=0.01,weight_decay=0");
  Trainer standard(config);
  config.param = "mup:base=16";
  Trainer mup(config);
  standard.begin();
  mup.begin();
  for (int t = 0; t < 3; ++t) CHECK(standard.step_at(1) == mup.step_at(1));
  const StateDict a = state_dict(standard.model()), b = effective_state_dict(mup.model());
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i].second.values() == b[i].second.values());
}

TEST_CASE("param: what a run saves is the whole network; --init starts from the same function") {
  const TempDir dir;
  for (const char* param : {"mup:base=4", "conditioned:mode=row"}) {
    CAPTURE(param);
    const std::vector<std::string> line = {"--data",       "digits:train=64,test=16",
                                           "--model",      "mlp:hidden=16-16",
                                           "--param",      param,
                                           "--steps",      "3",
                                           "--optim",      "adamw:lr=0.01",
                                           "--batch-size", "16"};
    const std::string name = std::string(param).substr(0, 3), out = trained(dir, name, line);
    Trainer trainer(RunDirectory::open(out).config());
    trainer.restore(RunDirectory::open(out));
    const auto plain = make_model("mlp:hidden=16-16", trainer.model().data(), Rng(0));
    load_weights(out + "/model.safetensors", *plain);
    const Tensor x = Rng(3).normal_tensor({4, 1, 28, 28});
    const Tensor theirs = (*plain)(x.view(plain->example(4).shape())).detach(),
                 ours = trainer.model()(x.view(plain->example(4).shape())).detach();
    for (int64 i = 0; i < ours.numel(); ++i)
      CHECK(double(theirs.data()[i]) == doctest::Approx(double(ours.data()[i])).epsilon(1e-4));
    const auto eval = nlohmann::json::parse(run({"eval", out, "--json"}).text);
    CHECK(eval.contains("test_loss"));

    TrainConfig from = RunDirectory::open(out).config();
    from.init = out;
    Trainer again(from);
    const Tensor start = again.model()(x.view(plain->example(4).shape())).detach();
    for (int64 i = 0; i < ours.numel(); ++i)
      CHECK(double(start.data()[i]) == doctest::Approx(double(ours.data()[i])).epsilon(1e-4));
  }
}

TEST_CASE("param: refusals name what is wrong and what there is") {
  const auto refused = [](const std::vector<std::string>& more) {
    std::vector<std::string> line = {"train", "--quiet", "--data", "digits:train=64,test=16", "--steps", "1"};
    line.insert(line.end(), more.begin(), more.end());
    try {
      run(line);
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  CHECK(refused({"--param", "mub:base=4"}).find("did you mean 'mup'") != std::string::npos);
  CHECK(refused({"--param", "mup:bas=4"}).starts_with("--param"));
  CHECK(refused({"--param", "mup:base=0"}).find("base") != std::string::npos);
  CHECK(refused({"--param", "conditioned:mode=diagonal"}).find("row_column") != std::string::npos);
  CHECK(refused({"--param", "mup:base=64", "--optim", "sgd:lr=0.1"}).find("grow with the gradient") !=
        std::string::npos);
  CHECK(refused({"--param", "mup:base=64", "--model", "airbench"}).find("has no width that is known") !=
        std::string::npos);
  CHECK(refused({"--param", "conditioned", "--model", "mlp:hidden=none"})
            .find("no linear or convolutional layer") != std::string::npos);
  const TempDir dir;
  const std::string start = trained(dir, "start", {"--data", "digits:train=64,test=16", "--steps", "1"});
  CHECK(refused({"--param", "conditioned:fixed=true", "--init", start}).find("takes no --init") !=
        std::string::npos);
  const std::string shown = run({"model", "parametrisations"}).text;
  for (const char* name : {"standard", "mup", "conditioned"}) CHECK(shown.find(name) != std::string::npos);
  CHECK(run({"model", "parametrisations", "mup"}).text.find("base") != std::string::npos);
}

TEST_CASE("check-mup: with muP layers move alike at all widths, without it they move more") {
  TrainConfig config;
  config.data = "digits:train=256,test=16";
  config.model = "mlp:hidden=64-64,act=tanh";
  config.optim = "adam:lr=1e-3";
  config.schedule = "constant";
  config.validation = 0;
  const std::vector<int64> widths = {32, 128, 512};
  config.param = "mup:base=32";
  const MupCheck mup = check_mup(config, widths, 3);
  config.param = "standard";
  const MupCheck standard = check_mup(config, widths, 3);
  REQUIRE(mup.layers.size() == 3);
  CHECK(mup.layers[1].name == "fc2");
  CHECK(std::abs(mup.worst()) < 0.25);
  CHECK(standard.worst() > 0.4);
  CHECK(mup.layers[2].moved[0] == doctest::Approx(standard.layers[2].moved[0]).epsilon(1e-4));  // at the base
  CHECK_THROWS_AS(check_mup(config, {64}, 3), UsageError);
  CHECK_THROWS_AS(check_mup(config, {64, 32}, 3), UsageError);
  const TempDir dir;
  const Output out = run({"model", "check-mup", "mlp:hidden=64", "--data", "digits:train=64,test=16",
                          "--widths", "16-32", "--steps", "2", "--out", dir / "c.svg", "--limit", "5"});
  CHECK(out.code == kOk);
  CHECK(out.text.find("exponent") != std::string::npos);
  CHECK(dir.read("c.svg").find("<svg") != std::string::npos);
  const auto json = nlohmann::json::parse(
      run({"model", "check-mup", "mlp:hidden=64", "--data", "digits:train=64,test=16", "--widths", "16-32",
           "--steps", "2", "--out", "none", "--limit", "1e-9", "--json"})
          .text);
  CHECK(!json.at("passed").get<bool>());
  CHECK(json.at("mup").at("layers").size() == 2);
}

}  // namespace gradus::parametrisation_tests
