// Sweeps: which trials there are, what they come to, halving, interruption; each run is the one that train makes.
#include "apps/sweep/sweep.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/train/run_summary.h"
#include "core/error.h"
#include "tests/apps/in_process.h"
#include "tests/apps/markup_check.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

std::vector<Words> values_of(const SweepPlan& plan) {
  std::vector<Words> all;
  for (const SweepTrial& t : plan.trials) all.push_back(t.values);
  return all;
}

const Words kBase = {"--data", "digits:train=400,test=50", "--batch-size", "64", "--quiet", "--json"};

nlohmann::json swept(const Words& more) {
  Words line = {"sweep"};
  line.insert(line.end(), kBase.begin(), kBase.end());
  line.insert(line.end(), more.begin(), more.end());
  return nlohmann::json::parse(run(line).text);
}

}  // namespace

TEST_CASE(
    "sweep: ranges over the logarithm, equal steps from zero, sets; all combinations, the last one fastest") {
  const SweepPlan plan =
      make_sweep({{"optim", "adamw:lr=1e-4..1e-2/3,beta1={0.9|0.8}"}, {"seed", "3"}}, std::nullopt, 0);
  CHECK(values_of(plan) == std::vector<Words>{{"0.0001", "0.9"},
                                              {"0.0001", "0.8"},
                                              {"0.001", "0.9"},
                                              {"0.001", "0.8"},
                                              {"0.01", "0.9"},
                                              {"0.01", "0.8"}});
  CHECK(plan.axes[0].name == "lr");
  CHECK(plan.axes[1].name == "beta1");
  CHECK(plan.config(3, 2).optim == "adamw:lr=0.001,beta1=0.8");
  CHECK(plan.config(3, 2).seed == 5);
  CHECK(values_of(make_sweep({{"label_smoothing", "0..0.2/3"}}, std::nullopt, 0)) ==
        std::vector<Words>{{"0"}, {"0.1"}, {"0.2"}});
  const SweepPlan models =
      make_sweep({{"model", "{mlp:hidden=8|lenet}"}, {"batch_size", "{16|64}"}}, std::nullopt, 0);
  CHECK(models.axes[0].name == "model");
  CHECK(models.config(2, 0).model == "lenet");
  CHECK(models.config(2, 0).batch_size == 16);
  // A path with dots is no range.
  CHECK(axes_of("data", "csv:path=../x..y.csv").empty());
  CHECK_THROWS_WITH_AS(make_sweep({{"optim", "adam"}}, std::nullopt, 0), doctest::Contains("sweep what?"),
                       UsageError);
  CHECK_THROWS_WITH_AS(make_sweep({{"optim", "adam:lr=1e-4..1e-2"}}, std::nullopt, 0),
                       doctest::Contains("how many"), UsageError);
  CHECK_THROWS_WITH_AS(axes_of("optim", "adam:lr=1e-2..1e-4/3"), doctest::Contains("smaller"), UsageError);
  CHECK_THROWS_AS(axes_of("optim", "adam:lr=1e-4..1e-2/1"), UsageError);
  const SweepPlan back = plan_from(plan_json(plan), "f");
  CHECK(values_of(back) == values_of(plan));
  CHECK(back.config(3, 2).optim == plan.config(3, 2).optim);
}

TEST_CASE("sweep --random: within the ranges, evenly over the logarithm, the same for the same seed") {
  const OptionList given = {{"optim", "adam:lr=1e-4..1,beta1={0.8|0.9}"}};
  const SweepPlan plan = make_sweep(given, 200, 1);
  int low = 0, first = 0;
  for (const SweepTrial& t : plan.trials) {
    const double lr = std::stod(t.values[0]);
    CHECK(lr >= 1e-4);
    CHECK(lr <= 1);
    low += lr < 1e-2, first += t.values[1] == "0.8";
  }
  CHECK(std::abs(low - 100) < 30);
  CHECK(std::abs(first - 100) < 30);
  CHECK(values_of(make_sweep(given, 200, 1)) == values_of(plan));
  CHECK(values_of(make_sweep(given, 200, 2)) != values_of(plan));
}

TEST_CASE("sweep: durations") {
  CHECK(parse_duration("90", "--budget") == 90);
  CHECK(parse_duration("30m", "--budget") == 1800);
  CHECK(parse_duration("1.5h", "--budget") == 5400);
  for (const char* wrong : {"", "m", "0s", "-1m", "3d", "soon"})
    CHECK_THROWS_AS(parse_duration(wrong, "--budget"), UsageError);
}

TEST_CASE(
    "sweep: a run a trial and seed, as train makes them; the best first; a folder that goes on where it "
    "was") {
  const TempDir dir;
  const Words line = {
      "--model", "mlp:hidden=8", "--optim", "adam:lr={1e-6|0.02|1e30}", "--epochs", "2", "--seeds",
      "2",       "--out",        dir / "s"};
  const auto result = swept(line);
  REQUIRE(result.at("trials").size() == 3);
  CHECK(result.at("finished") == true);
  CHECK(result.at("metric") == "accuracy");
  CHECK(result.at("trials").at(0).at("trial") == 2);
  CHECK(result.at("trials").at(0).at("values").at(0).at("value") == "0.02");
  CHECK(result.at("trials").at(0).at("mean") > result.at("trials").at(1).at("mean"));
  CHECK(result.at("trials").at(0).at("scores").size() == 2);
  const double a = result["trials"][0]["scores"][0], b = result["trials"][0]["scores"][1];
  CHECK(result["trials"][0]["mean"].get<double>() == doctest::Approx((a + b) / 2));
  CHECK(result["trials"][0]["deviation"].get<double>() == doctest::Approx(std::abs(a - b) / std::sqrt(2.0)));
  // A diverging trial is named and does not keep the others from running.
  CHECK(result["trials"][2]["trial"] == 3);
  CHECK(result["trials"][2]["state"].get<std::string>().find("failed: training diverged") !=
        std::string::npos);
  CHECK(summarize(dir / "s/trial-2-s1").config.seed == 1);
  CHECK(summarize(dir / "s/trial-2-s0").best->score == a);
  trained(dir, "one",
          {"--data", "digits:train=400,test=50", "--batch-size", "64", "--model", "mlp:hidden=8", "--optim",
           "adam:lr=0.02", "--epochs", "2"});
  CHECK(dir.read("one/model.safetensors") == dir.read("s/trial-2-s0/model.safetensors"));
  CHECK(result.at("best").get<std::string>().find("--optim adam:lr=0.02 --epochs 2") != std::string::npos);
  CHECK(markup_problem(dir.read("s/sweep.html")) == "");
  // A budget that is spent at once leaves everything to a later call.
  const auto none = swept({"--model", "mlp:hidden=8", "--optim", "adam:lr={0.01|0.02}", "--budget",
                           "0.000001s", "--out", dir / "b"});
  CHECK(none.at("finished") == false);
  CHECK(none.at("trials").at(0).at("state") == "not run");
  CHECK(none.at("best").is_null());
  // Again: nothing is left to do, and a run that is missing is made anew, the same.
  const std::string model = dir.read("s/trial-1-s1/model.safetensors");
  const auto before = fs::last_write_time(dir / "s/trial-2-s0/model.safetensors");
  fs::remove_all(dir / "s/trial-1-s1");
  const auto again = nlohmann::json::parse(run({"sweep", "--resume", dir / "s", "--quiet", "--json"}).text);
  CHECK(dir.read("s/trial-1-s1/model.safetensors") == model);
  CHECK(fs::last_write_time(dir / "s/trial-2-s0/model.safetensors") == before);
  CHECK(again.at("trials").at(0).at("mean") == result.at("trials").at(0).at("mean"));
  CHECK_THROWS_WITH_AS(swept(line), doctest::Contains("there is a sweep already"), UsageError);
  CHECK_THROWS_WITH_AS(run({"sweep", "--resume", dir / "s", "--epochs", "3"}), doctest::Contains("--epochs"),
                       UsageError);
  CHECK_THROWS_AS(run({"sweep", "--resume", dir / "none"}), DataError);
  CHECK_THROWS_WITH_AS(run({"sweep", "--optim", "adm:lr=1..2/2", "--out", dir / "t"}),
                       doctest::Contains("adam"), UsageError);
  CHECK_FALSE(fs::exists(dir / "t"));
}

TEST_CASE(
    "sweep --halving: a third of the trials goes on to three times the length, the best ones; resumed "
    "alike") {
  const TempDir dir;
  const Words line = {"--model", "mlp:hidden=8", "--optim", "adam:lr={1e-7|1e-6|0.02}", "--epochs",
                      "3",       "--halving",    "3"};
  Words whole = line;
  whole.insert(whole.end(), {"--out", dir / "h"});
  const auto result = swept(whole);
  CHECK(result["trials"][0]["trial"] == 3);
  CHECK(result["trials"][0]["state"] == "finished");
  CHECK(result["trials"][0]["steps"] == 18);  // 3 epochs of 6 batches
  CHECK(result["trials"][1]["state"] == "rung 1 of 2");
  CHECK(result["trials"][1]["steps"] == 6);
  // Stopped after any number of questions, and gone on with: the same runs.
  const SweepFolder folder{dir / "p"};
  SweepPlan plan = make_sweep({{"data", "digits:train=400,test=50"},
                               {"batch_size", "64"},
                               {"model", "mlp:hidden=8"},
                               {"optim", "adam:lr={1e-7|1e-6|0.02}"},
                               {"epochs", "3"}},
                              std::nullopt, 0);
  plan.halving = 3;
  fs::create_directories(folder.path);
  int pieces = 0;
  for (bool ended = false; !ended; ++pieces) {
    REQUIRE(pieces < 50);
    int questions = 9;
    ended = run_sweep(folder, plan, {.stop = [&] { return questions-- <= 0; }});
  }
  CHECK(pieces > 3);
  CHECK(dir.read("p/trial-3-s0/model.safetensors") == dir.read("h/trial-3-s0/model.safetensors"));
  CHECK(dir.read("p/trial-1-s0/model.safetensors") == dir.read("h/trial-1-s0/model.safetensors"));
  CHECK(sweep_results(folder, plan)[0].state == "finished");
  SweepPlan nine = plan;
  nine.trials.resize(9, plan.trials[0]);
  CHECK(rungs_of(nine) == std::vector<std::pair<int64, int64>>{{1, 9}, {1, 3}, {1, 1}});
}
