// `gradus eval` with --corrupt, --adapt and --attack: what is printed, what they leave alone, refusals.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

TEST_CASE("eval: corrupted, adapted, attacked; accuracies, the same again, and errors that help") {
  const TempDir dir;
  const std::string run_dir =
      trained(dir, "net",
              {"--data", "digits:train=400,test=60", "--model", "mlp:hidden=24,norm=bn", "--optim",
               "adam:lr=1e-2", "--batch-size", "40", "--epochs", "4"});
  const auto eval = [&](std::vector<std::string> more) {
    std::vector<std::string> line = {"eval", run_dir, "--json", "--quiet", "--limit", "60"};
    line.insert(line.end(), more.begin(), more.end());
    return nlohmann::json::parse(run(line).text);
  };
  const auto plain = eval({});
  CHECK_FALSE(plain.contains("robust_accuracy"));
  const auto attacked = eval({"--attack", "pgd:eps=0.1,steps=5"});
  CHECK(attacked.at("test_accuracy") == plain.at("test_accuracy"));
  CHECK(static_cast<double>(attacked.at("robust_accuracy")) <
        static_cast<double>(plain.at("test_accuracy")) - 0.2);
  CHECK(static_cast<double>(attacked.at("robust_loss")) > static_cast<double>(plain.at("test_loss")));
  CHECK(attacked.at("attack") == "pgd:eps=0.1,steps=5");
  CHECK(eval({"--attack", "pgd:eps=0"}).at("robust_accuracy") == plain.at("test_accuracy"));
  const auto noisy = eval({"--corrupt", "gaussian-noise:severity=5"});
  CHECK(static_cast<double>(noisy.at("test_loss")) > static_cast<double>(plain.at("test_loss")));
  CHECK(noisy == eval({"--corrupt", "gaussian-noise:severity=5"}));
  const auto adapted = eval({"--adapt", "entropy:lr=1e-2"});
  CHECK(adapted.at("adapt") == "entropy:lr=1e-2");
  CHECK(adapted.at("test_loss") != plain.at("test_loss"));
  CHECK(eval({}) == plain);  // the run is as it was
  const std::string text = run({"eval", run_dir, "--quiet", "--attack", "fgsm"}).text;
  CHECK(text.find("robust accuracy") != std::string::npos);
  CHECK_THROWS_WITH_AS(eval({"--corrupt", "smog"}), doctest::Contains("fog"), UsageError);
  CHECK_THROWS_AS(eval({"--attack", "pgd:eps=x"}), UsageError);
  CHECK_THROWS_WITH_AS(eval({"--adapt", "entropy", "--train-mode"}), doctest::Contains("--train-mode"),
                       UsageError);
}
