// gradus sweep with several runs at once: processes of their own, the same runs as one after the other.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;

TEST_CASE(
    "sweep --jobs: runs beside each other are those of one thread each; failures are named; nothing is left "
    "over") {
  const TempDir dir;
  const std::vector<std::string> settings = {"--data",       "digits:train=400,test=50",
                                             "--model",      "mlp:hidden=8",
                                             "--optim",      "sgd:lr={0.1|1e30}",
                                             "--epochs",     "2",
                                             "--batch-size", "64"};
  std::vector<std::string> line = {"sweep",   "--jobs", "2",     "--threads", "2",
                                   "--quiet", "--json", "--out", dir / "s"};
  line.insert(line.end(), settings.begin(), settings.end());
  const Outcome outcome = run_gradus(line);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  const auto json = nlohmann::json::parse(outcome.out);
  CHECK(json.at("finished") == true);
  CHECK(json["trials"][0]["trial"] == 1);
  CHECK(json["trials"][0]["state"] == "finished");
  CHECK(json["trials"][1]["state"].get<std::string>().find("failed: training diverged at step") !=
        std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(dir / "s")) {
    CAPTURE(entry.path().string());
    CHECK(entry.path().extension() != ".log");
    CHECK((entry.path().extension() != ".json" || entry.path().filename() == "sweep.json"));
  }
  const Outcome alone = run_gradus({"train", "--data", "digits:train=400,test=50", "--model", "mlp:hidden=8",
                                    "--optim", "sgd:lr=0.1", "--epochs", "2", "--batch-size", "64",
                                    "--threads", "1", "--quiet", "--out", dir / "alone"});
  REQUIRE(alone.code == 0);
  const auto threads = nlohmann::json::parse(bytes_of(dir / "s/trial-1-s0/config.json")).at("threads");
  if (threads == 1)
    CHECK(bytes_of(dir / "alone/model.safetensors") == bytes_of(dir / "s/trial-1-s0/model.safetensors"));
  // Going on with it does nothing more.
  const Outcome again = run_gradus({"sweep", "--resume", dir / "s", "--jobs", "2", "--quiet", "--json"});
  CHECK(again.code == 0);
  CHECK(nlohmann::json::parse(again.out).at("trials").at(0).at("mean") == json["trials"][0]["mean"]);
}
