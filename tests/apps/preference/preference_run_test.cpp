// `gradus train --data pairs --loss dpo`: it prefers what it is told to, goes on bit for bit, refuses what does not fit.
#include "apps/preference/preference_run.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "apps/train/checkpoint.h"
#include "core/error.h"
#include "tests/apps/in_process.h"

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
  CHECK_THROWS_AS(run({"train", "--data", data, "--augment", "flip"}), UsageError);
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
