// `gradus train --data pairs --loss dpo`: it prefers what it is told to, goes on bit for bit, refuses what does not fit.
#include "apps/preference/preference_run.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/train/checkpoint.h"
#include "autograd/grad.h"
#include "core/error.h"
#include "optim/registry.h"
#include "tests/apps/in_process.h"
#include "tests/settles.h"

namespace gradus::preference_run_tests {

using tests::run;

// "xy" is to be followed by "xy", not by "yx".
std::string pairs_file(const TempDir& dir) {
  std::string lines;
  for (const char* prompt : {"a", "b", "c", "ab", "bc", "ca", "abc", "cab", "bca", "aa", "bb", "cc"})
    lines +=
        std::string("{\"prompt\": \"") + prompt + "\", \"chosen\": \"xy\\n\", \"rejected\": \"yx\\n\"}\n";
  dir.write("pairs.jsonl", lines);
  return "pairs:path=" + (dir / "pairs.jsonl");
}
std::vector<std::string> line_of(const TempDir& dir, const std::vector<std::string>& more) {
  std::vector<std::string> line{"train",
                                "--data",
                                pairs_file(dir),
                                "--loss",
                                "dpo:beta=0.5",
                                "--model",
                                "gpt:block=8,dim=8,layers=1,heads=2",
                                "--optim",
                                "adam:lr=1e-2",
                                "--batch-size",
                                "4",
                                "--threads",
                                "1",
                                "--validation",
                                "0.25",
                                "--quiet"};
  line.insert(line.end(), more.begin(), more.end());
  return line;
}
std::vector<std::vector<real>> weights_in(const std::string& path) {
  std::vector<std::vector<real>> all;
  for (const auto& [name, tensor] : read_safetensors(path).tensors) all.push_back(tensor.values());
  return all;
}

TEST_CASE("train on pairs: the chosen responses become likelier; the result as JSON") {
  const TempDir dir;
  const tests::Output out = run(line_of(dir, {"--epochs", "20", "--json", "--out", dir / "run"}));
  CHECK(out.code == kOk);
  const nlohmann::json result = nlohmann::json::parse(out.text);
  CHECK(result["pairs"] == 9);
  CHECK(result["held_out_pairs"] == 3);
  CHECK(result["steps"] == 60);
  CHECK(result["validation_accuracy"] == 1);
  CHECK(result["validation_loss"].get<double>() < 0.2);
  // The weights carry their vocabulary, so that text can be sampled from the run.
  CHECK(run({"sample", dir / "run", "--prompt", "a", "--length", "5", "--quiet"}).text.size() == 7);
}

TEST_CASE("train on pairs: a run that was cut goes on bit for bit, against the same reference") {
  const TempDir dir;
  CHECK(run(line_of(dir, {"--steps", "9", "--out", dir / "whole"})).code == kOk);
  CHECK(run(line_of(dir, {"--steps", "5", "--out", dir / "cut"})).code == kOk);
  CHECK(run({"train", "--resume", dir / "cut", "--steps", "9", "--quiet"}).code == kOk);
  CHECK(weights_in(dir / "whole/model.safetensors") == weights_in(dir / "cut/model.safetensors"));
  CHECK(weights_in(dir / "whole/reference.safetensors") == weights_in(dir / "cut/reference.safetensors"));
  CHECK_THROWS_AS(run({"train", "--resume", dir / "cut", "--steps", "3", "--quiet"}), UsageError);
  CHECK_THROWS_AS(run({"train", "--resume", dir / "cut", "--batch-size", "2"}), UsageError);
}

TEST_CASE(
    "eval of pairs: the scores of the run again, those of other pairs, and of weights without a reference") {
  const TempDir dir;
  const nlohmann::json trained =
      nlohmann::json::parse(run(line_of(dir, {"--epochs", "4", "--json", "--out", dir / "run"})).text);
  const auto eval = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "eval");
    more.push_back("--json");
    return nlohmann::json::parse(run(more).text);
  };
  const nlohmann::json own = eval({dir / "run"});
  CHECK(own["pairs"] == 3);
  for (const char* key : {"validation_loss", "validation_accuracy", "validation_margin"})
    CHECK(own[key].get<double>() == doctest::Approx(trained[key].get<double>()).epsilon(1e-5));
  CHECK(own["reference"].get<std::string>().ends_with("reference.safetensors"));
  CHECK(eval({dir / "run", "--train"})["pairs"] == 9);
  CHECK(eval({dir / "run", "--train", "--limit", "4"})["pairs"] == 4);
  // Against itself the reference has no margin and the loss of a coin.
  const std::string base = dir / "run/reference.safetensors";
  const nlohmann::json at_first = eval({"--init", base});
  CHECK(at_first["validation_margin"] == 0);
  CHECK(at_first["validation_loss"].get<double>() == doctest::Approx(std::log(2.0)));
  // Other pairs: all of them.
  dir.write("other.jsonl", "{\"prompt\": \"ab\", \"chosen\": \"xy\\n\", \"rejected\": \"yx\\n\"}\n");
  const nlohmann::json other = eval({dir / "run", "--data", "pairs:path=" + (dir / "other.jsonl")});
  CHECK(other["pairs"] == 1);
  CHECK(other["test_accuracy"] == 1);
  // A file of weights elsewhere has no reference: by likelihood alone.
  std::filesystem::copy_file(dir / "run/model.safetensors", dir / "alone.safetensors");
  const nlohmann::json alone =
      eval({"--init", dir / "alone.safetensors", "--data", "pairs:path=" + (dir / "other.jsonl")});
  CHECK(alone["reference"].is_null());
  CHECK(alone["test_margin"].get<double>() != other["test_margin"].get<double>());
  CHECK(run({"eval", dir / "run"}).text.find("held-out pairs") != std::string::npos);
  CHECK_THROWS_AS(run({"eval", dir / "run", "--logits", dir / "x.npz"}), UsageError);
}

TEST_CASE("train on pairs: steps take no memory from the system once warm") {
  const TempDir dir;
  PreferenceConfig config;
  config.data = pairs_file(dir);
  config.model = "gpt:block=8,dim=8,layers=1,heads=2";
  config.batch_size = 4;
  config.validation = 0;
  PreferenceTask task(config);
  const Parameters parameters = task.model().trainable();
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  const OptimizerPtr adam = make_optimizer("adamw:lr=1e-3", parameters);
  int64 step = 0;
  CHECK(tests::settles([&] {
    const std::vector<Tensor> grads =
        grad(task.loss_of(task.batch_rows(step++)).loss, values, {.allow_unused = true});
    for (size_t i = 0; i < grads.size(); ++i) parameters[i]->grad = grads[i];
    adam->step();
  }));
  CHECK(tests::settles([&] { task.score(task.training()); }));
}

TEST_CASE("data list and show know pairs; other commands say what they are for") {
  const TempDir dir;
  const std::string data = pairs_file(dir);
  CHECK(run({"data", "list"}).text.find("pairs") != std::string::npos);
  const std::string shown = run({"data", "show", data}).text;
  for (const char* part : {"pairs of responses", "12", "xy", "limit"})
    CHECK(shown.find(part) != std::string::npos);
  CHECK_THROWS_AS(run({"data", "show", "pairs"}), UsageError);
  CHECK_THROWS_AS(run({"data", "show", "pairs:pth=x"}), UsageError);
  CHECK_THROWS_WITH_AS(run({"lr-find", "--data", data, "--quiet"}), doctest::Contains("train --loss dpo"),
                       UsageError);
}

TEST_CASE("train on pairs: starts from weights, which are the reference") {
  const TempDir dir;
  CHECK(run(line_of(dir, {"--steps", "4", "--out", dir / "first"})).code == kOk);
  std::vector<std::string> line{"train", "--data",  pairs_file(dir), "--loss",
                                "dpo",   "--init",  dir / "first",   "--steps",
                                "0",     "--quiet", "--out",         dir / "second"};
  CHECK(run(line).code == kOk);
  CHECK(weights_in(dir / "first/model.safetensors") == weights_in(dir / "second/reference.safetensors"));
  CHECK(weights_in(dir / "second/model.safetensors") == weights_in(dir / "second/reference.safetensors"));
}

TEST_CASE("train on pairs: what does not fit is refused before anything is written") {
  const TempDir dir;
  const std::string data = pairs_file(dir);
  CHECK_THROWS_AS(run({"train", "--data", data, "--loss", "dp"}), UsageError);
  CHECK_THROWS_AS(run({"train", "--data", data, "--loss", "dpo:beta=0"}), UsageError);
  CHECK_THROWS_WITH_AS(run({"train", "--data", data, "--augment", "flip"}),
                       "--augment is not for pairs of responses (--loss)", UsageError);
  CHECK_THROWS_WITH_AS(run({"train", "--data", data, "--adapter", "lora"}),
                       "--adapter is not for pairs of responses (--loss)", UsageError);
  CHECK_THROWS_AS(run({"train", "--data", data, "--model", "lenet"}), UsageError);
  CHECK_THROWS_AS(run({"train", "--data", "pairs"}), UsageError);
  CHECK_THROWS_AS(run({"train", "--data", "pairs:path=" + (dir / "none.jsonl")}), DataError);
  CHECK_THROWS_AS(run({"train", "--data", "digits", "--loss", "dpo"}), UsageError);
  dir.write("long.jsonl", "{\"prompt\": \"a\", \"chosen\": \"bbbbbbbbbbbb\", \"rejected\": \"c\"}\n");
  CHECK_THROWS_AS(run({"train", "--data", "pairs:path=" + (dir / "long.jsonl"), "--model",
                       "gpt:block=4,dim=8,layers=1,heads=2", "--out", dir / "none"}),
                  DataError);
  CHECK(!std::filesystem::exists(dir / "none"));
}

}  // namespace gradus::preference_run_tests
