// Trajectories recorded from reference implementations, replayed from tests/goldens.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "optim/registry.h"
#include "optim/replay/replay.h"
#include "tests/paths.h"
#include "tests/precision.h"
#include "tests/selected.h"

using namespace gradus;
namespace fs = std::filesystem;

namespace {

const fs::path kFolder = gradus::tests::tests_dir() / "goldens";

std::vector<fs::path> goldens() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kFolder))
    if (entry.path().extension() == ".json" && !entry.path().filename().string().starts_with("gradients-"))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("golden: every recorded trajectory is followed within its tolerance") {
  CHECK(!goldens().empty());
  for (const fs::path& file : goldens()) {
    const std::string name = file.stem().string();
    if (!tests::selected(name.substr(0, name.find("--")))) continue;
    // There an element without gradient or decay moves by the sign of what float64 rounds away in w - a.
    if (name.starts_with("focus") && !tests::kDouble) continue;
    const ReplayReport report = replay(file);
    INFO(report.file << " error " << report.error() << " tolerance " << report.tolerance);
    CHECK(!report.steps.empty());
    CHECK(report.passed());
    if (std::getenv("GRADUS_GOLDEN_ERRORS")) MESSAGE(report.file << " " << report.error());
  }
}

TEST_CASE("golden: a wrong expectation, a broken file and an unknown kind are told apart") {
  const fs::path folder = fs::temp_directory_path() / ("gradus_golden_" + std::to_string(std::rand()));
  fs::create_directory(folder);
  const auto write = [&](const std::string& text) {
    std::ofstream(folder / "g.json") << text;
    return folder / "g.json";
  };
  const std::string head = R"({"format": "gradus-replay-1", "optimizer": "sgd", "options": {"lr": 0.5},
    "params": {"x": {"shape": [2], "data": [1, 2]}}, "tolerance": 1e-9, )";
  const std::string problem = R"("problem": {"kind": "gradients", "steps": [{"x": [1, 0]}]}, )";
  CHECK(replay(write(head + problem + R"("expect": [{"step": 1, "params": {"x": [0.5, 2]}}]})")).error() ==
        0);
  const ReplayReport off =
      replay(write(head + problem + R"("expect": [{"step": 1, "params": {"x": [0.5, 4]}}]})"));
  CHECK(off.error() == 0.5);
  CHECK(!off.passed());
  CHECK(off.steps.at(0).worst == "x");
  CHECK_THROWS_AS(replay(write(head + problem + R"("expect": [{"step": 2, "params": {}}]})")), DataError);
  // Weights to evaluate are compared too: without any of its own a rule evaluates those it trains.
  const ReplayReport evaluated = replay(
      write(head + problem + R"("expect": [{"step": 1, "params": {}, "averaged": {"x": [0.5, 4]}}]})"));
  CHECK(evaluated.error() == 0.5);
  CHECK(evaluated.steps.at(0).worst == "x (averaged)");
  // Numbers of a method: b = 1 + lr^2*||g||^2/1.
  const auto numbered = [&](const std::string& b) {
    return replay(write(R"({"format": "gradus-replay-1", "optimizer": "wngrad", "tolerance": 1e-9,
      "options": {"lr": 0.5}, "params": {"x": {"shape": [2], "data": [1, 2]}},
      "problem": {"kind": "gradients", "steps": [{"x": [2, 0]}]},
      "expect": [{"step": 1, "params": {}, "scalars": {"b": )" +
                        b + R"(, "nothing": 7}}]})"));
  };
  CHECK(numbered("2").passed());
  CHECK(numbered("4").error() == 0.5);
  CHECK(numbered("4").steps.at(0).worst == "b (number)");
  CHECK_THROWS_AS(replay(write(head + R"("problem": {"kind": "riddle"}, "expect": []})")), DataError);
  CHECK_THROWS_AS(replay(write(head)), DataError);
  CHECK_THROWS_AS(replay(write("{}")), DataError);
  CHECK_THROWS_AS(replay(folder / "absent.json"), DataError);
  fs::remove_all(folder);
}

TEST_CASE("golden: recorded draws stand in place of a rule's own (gravity)") {
  const fs::path file = fs::temp_directory_path() / ("gradus_draws_" + std::to_string(std::rand()) + ".json");
  // A rule that draws takes the recorded numbers: v = alpha/lr*draw, w <- w - lr*(b*v + ...), b = (beta+1)/3.
  const auto drawn = [&](const std::string& draws, const std::string& scale = "1",
                         const std::string& x = "[0.75, 2.25]") {
    std::ofstream(file) << R"({"format": "gradus-replay-1", "optimizer": "gravity", "tolerance": 1e-9,
      "options": {"lr": 0.5, "alpha": 0.25, "beta": 0.5}, "params": {"x": {"shape": [2], "data": [1, 2]}},
      "problem": {"kind": "gradients", "steps": [{"x": [0, 0]}], "draws": )" +
                               draws + R"(},
      "lr_scale": [)" + scale + R"(], "expect": [{"step": 1, "params": {"x": )" +
                               x + "}}]}";
    return replay(file);
  };
  CHECK(drawn(R"([{"x": [2, -2]}])").passed());
  CHECK(!drawn(R"([{"x": [2, 2]}])").passed());
  CHECK(drawn(R"([{"x": [2, -2]}])", "0.5", "[0.875, 2.125]").passed());  // the start is not scheduled
  CHECK_THROWS_AS(drawn(R"([{"x": [2]}])"), DataError);
  CHECK_THROWS_AS(drawn(R"([{"y": [2, -2]}])"), DataError);
  fs::remove(file);
}
