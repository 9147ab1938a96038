// A run that was stopped, in whatever way and at whatever moment, and resumed ends like one that never stopped.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;

namespace {

using Args = std::vector<std::string>;

// A run of a few steps in which everything that has a state takes part: shuffling, momentum, a schedule, averaged
// weights where the optimizer keeps them, dropout and augmentation.
const Args kRun = {"train",
                   "--data",
                   "digits:train=96,test=32",
                   "--model",
                   "lenet:conv1=4,conv2=4,hidden=16,dropout=0.2",
                   "--optim",
                   "adam:lr=1e-3",
                   "--schedule",
                   "cosine:warmup=2",
                   "--augment",
                   "pad-crop",
                   "--batch-size",
                   "16",
                   "--steps",
                   "8",
                   "--save-every",
                   "1",
                   "--eval-every",
                   "4",
                   "--seed",
                   "3",
                   "--threads",
                   "1",
                   "--quiet",
                   "--json"};

Args with(Args args, const Args& more) {
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

Surroundings killed(const std::string& at, int signal) {
  return {.environment = {{"LD_PRELOAD", kill_at_path()},
                          {"ASAN_OPTIONS", "verify_asan_link_order=0"},
                          {"KILL_AT", at},
                          {"KILL_WITH", std::to_string(signal)}}};
}

// Number of moments at which kRun can be ended.
long moments(const TempDir& dir) {
  Surroundings where = killed("0", 9);
  where.environment["KILL_COUNT"] = dir / "count";
  const Outcome whole = run_gradus(with(kRun, {"--out", dir / "whole"}), where);
  REQUIRE_MESSAGE(whole.code == 0, whole.err);
  return std::atol(bytes_of(dir / "count").c_str());
}

void check_resumes_to(const std::string& expected, const std::string& run) {
  const Outcome resumed = run_gradus({"train", "--resume", run, "--quiet", "--json"});
  REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
  CHECK(bytes_of(run + "/model.safetensors") == expected);
}

}  // namespace

TEST_CASE("killed at any write, sync or rename of a save, a run resumes to the same bytes") {
  const TempDir dir;
  const long n = moments(dir);
  const std::string expected = bytes_of(dir / "whole/model.safetensors");
  const std::string metrics = bytes_of(dir / "whole/metrics.jsonl");
  REQUIRE(n > 50);
  int deaths = 0;
  // All of the first saves, then every seventh moment, which meets each kind in turn.
  for (long at = 1; at <= n; at += at < 20 ? 1 : 7) {
    CAPTURE(at);
    const std::string run = dir / ("killed" + std::to_string(at));
    const Outcome dead = run_gradus(with(kRun, {"--out", run}), killed(std::to_string(at), 9));
    REQUIRE(dead.signal == 9);
    ++deaths;
    if (!std::filesystem::exists(run + "/config.json"))
      continue;  // before the run had begun: nothing to resume
    check_resumes_to(expected, run);
    CHECK(std::filesystem::exists(run + "/checkpoint.safetensors.partial") == false);
  }
  CHECK(deaths >= 20);
}

TEST_CASE("interrupted as by Ctrl-C, a run saves, exits with 130 and resumes to the same bytes") {
  const TempDir dir;
  const long n = moments(dir);
  const std::string expected = bytes_of(dir / "whole/model.safetensors");
  for (long at = 1; at <= n; at += at < 8 ? 1 : 9) {
    CAPTURE(at);
    const std::string run = dir / ("interrupted" + std::to_string(at));
    const Outcome stopped = run_gradus(with(kRun, {"--out", run}), killed(std::to_string(at), 2));
    CHECK(stopped.signal == 0);
    if (stopped.code == 0) {  // during the last save: there was nothing left to interrupt
      CHECK(bytes_of(run + "/model.safetensors") == expected);
      continue;
    }
    CHECK(stopped.code == 130);
    CHECK(stopped.err.find("--resume") != std::string::npos);
    check_resumes_to(expected, run);
  }
}

TEST_CASE("the same seed and threads give the same bytes; another seed does not") {
  const TempDir dir;
  const auto model = [&](const std::string& name, const Args& more) {
    const Outcome run = run_gradus(with(kRun, with(more, {"--out", dir / name})));
    REQUIRE_MESSAGE(run.code == 0, run.err);
    return bytes_of(dir / (name + "/model.safetensors"));
  };
  const std::string one = model("one", {});
  CHECK(model("again", {}) == one);
  CHECK(model("other", {"--seed", "4"}) != one);
  const std::string two = model("two", {"--threads", "2"});
  CHECK(model("two-again", {"--threads", "2"}) == two);
}

TEST_CASE("initial weights and the order of the data do not depend on the number of threads") {
  const TempDir dir;
  const auto start = [&](const std::string& threads) {
    const Outcome run =
        run_gradus(with(kRun, {"--steps", "0", "--threads", threads, "--out", dir / threads}));
    REQUIRE_MESSAGE(run.code == 0, run.err);
    return bytes_of(dir / (threads + "/model.safetensors"));
  };
  CHECK(start("1") == start("2"));
  // A model without products keeps all sums in one order: only the data could differ.
  const auto bias_only = [&](const std::string& threads) {
    const Args args = {"train",
                       "--data",
                       "digits:train=96,test=32",
                       "--model",
                       "mlp:hidden=none",
                       "--optim",
                       "sgd:lr=0.1",
                       "--freeze",
                       "*.weight",
                       "--steps",
                       "9",
                       "--batch-size",
                       "16",
                       "--quiet",
                       "--threads",
                       threads,
                       "--out",
                       dir / ("bias" + threads)};
    const Outcome run = run_gradus(args);
    REQUIRE_MESSAGE(run.code == 0, run.err);
    return bytes_of(dir / ("bias" + threads + "/model.safetensors"));
  };
  CHECK(bias_only("1") == bias_only("2"));
}
