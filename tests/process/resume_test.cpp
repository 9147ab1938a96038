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

TEST_CASE("SIGTERM and SIGHUP save as Ctrl-C does; a SIGHUP that is ignored (nohup) ends nothing") {
  const TempDir dir;
  REQUIRE(moments(dir) > 30);
  const std::string expected = bytes_of(dir / "whole/model.safetensors");
  for (const int signal : {15, 1}) {
    CAPTURE(signal);
    const std::string run = dir / ("signal" + std::to_string(signal));
    const Outcome stopped = run_gradus(with(kRun, {"--out", run}), killed("25", signal));
    CHECK(stopped.signal == 0);
    CHECK(stopped.code == 130);
    CHECK(stopped.err.find("--resume") != std::string::npos);
    check_resumes_to(expected, run);
  }
  Surroundings nohup = killed("25", 1);
  nohup.ignores_hangup = true;
  CHECK(run_gradus(with(kRun, {"--out", dir / "nohup"}), nohup).code == 0);
  CHECK(bytes_of(dir / "nohup/model.safetensors") == expected);
}

TEST_CASE("progress that cannot be written does not end the training, and goes into no other file") {
  const TempDir dir;
  Args loud = kRun;
  std::erase(loud, "--quiet");
  REQUIRE(run_gradus(with(loud, {"--out", dir / "whole"})).err.find("test loss") != std::string::npos);
  const std::string expected = bytes_of(dir / "whole/model.safetensors");
  const std::string metrics = bytes_of(dir / "whole/config.json");
  for (const std::string errors : {"/dev/full", "closed", "unread"}) {
    CAPTURE(errors);
    const Outcome run =
        run_gradus(with(loud, {"--out", dir / errors.substr(errors.rfind('/') + 1)}), {.errors = errors});
    CHECK(run.code == 0);
    CHECK(run.out.find("test_accuracy") != std::string::npos);
    const std::string folder = dir / errors.substr(errors.rfind('/') + 1);
    CHECK(bytes_of(folder + "/model.safetensors") == expected);
    CHECK(bytes_of(folder + "/config.json") == metrics);
    for (const char* file : {"/metrics.csv", "/metrics.jsonl", "/checkpoint.safetensors"})
      CHECK(bytes_of(folder + file).find("test loss") == std::string::npos);
    // A terminal that closes: nobody reads the message either.
    Surroundings hung_up = killed("25", 1);
    hung_up.errors = errors;
    CHECK(run_gradus(with(loud, {"--out", folder + "-hup"}), hung_up).code == 130);
    check_resumes_to(expected, folder + "-hup");
  }
}

TEST_CASE("sample, bench and fetch do their work where nobody reads what they say about it") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "to be, or not to be\n";
  REQUIRE(run_gradus({"train", "--data", "text:path=" + dir.write("play.txt", text), "--model",
                      "gpt:block=8,dim=16,layers=1,heads=2", "--steps", "1", "--quiet", "--out", dir / "run"})
              .code == 0);
  const Args sample = {"sample", dir / "run", "--length", "20"};
  const Args bench = {"bench", "mlp", "--time", "0.01", "--json"};
  const Args fetch = {"data",       "fetch",     "mnist", "--mirror", "file://" + dir.path(),
                      "--data-dir", dir / "sets"};
  const Outcome heard = run_gradus(sample);
  REQUIRE(heard.err.find("20 characters in") != std::string::npos);
  for (const std::string errors : {"/dev/full", "closed", "unread"}) {
    CAPTURE(errors);
    const Outcome sampled = run_gradus(sample, {.errors = errors});
    CHECK(sampled.code == 0);
    CHECK(sampled.out == heard.out);
    const Outcome measured = run_gradus(bench, {.errors = errors});
    CHECK(measured.code == 0);
    CHECK(measured.out.starts_with("{\"workload\":\"mlp\""));
    CHECK(run_gradus(fetch, {.errors = errors}).code == 3);
    CHECK_FALSE(std::filesystem::exists(dir / "sets"));
  }
}

TEST_CASE("a run that is resumed says where it is and what would go on") {
  const TempDir dir;
  const auto message = [&](const Args& line) {
    const Outcome outcome = run_gradus(line);
    CHECK(outcome.code == 0);
    return outcome.err;
  };
  Args loud = kRun;
  std::erase(loud, "--quiet");
  message(with(loud, {"--out", dir / "run"}));
  CHECK(message({"train", "--resume", dir / "run"})
            .starts_with("the run has reached its end, step 8; more --epochs or --steps go on\n"));
  CHECK(message({"train", "--resume", dir / "run", "--steps", "9"}).starts_with("resumed at step 8 of 9\n"));
  message(with(
      loud, {"--out", dir / "early", "--optim", "sgd:lr=1e-30", "--early-stop", "1", "--eval-every", "1"}));
  CHECK(message({"train", "--resume", dir / "early"})
            .starts_with("stopped early, at step 2 of 8: 1 evaluations without a better score than at step "
                         "1; a larger --early-stop"));
  CHECK(message({"train", "--resume", dir / "early", "--early-stop", "3"})
            .starts_with("resumed at step 2 of 8\n"));
}

TEST_CASE("batches that grow and --param: a run made longer ends as one that was as long from the start") {
  const TempDir dir;
  const Args line = {"train",
                     "--data",
                     "digits:train=96,test=32",
                     "--model",
                     "mlp:hidden=16-16",
                     "--param",
                     "mup:base=8",
                     "--optim",
                     "adamw:lr=0.01",
                     "--batch-size",
                     "adaptive:first=4,most=64,eta=1",
                     "--schedule",
                     "constant",
                     "--seed",
                     "3",
                     "--threads",
                     "1",
                     "--quiet"};
  REQUIRE(run_gradus(with(line, {"--epochs", "3", "--out", dir / "whole"})).code == 0);
  REQUIRE(run_gradus(with(line, {"--epochs", "1", "--out", dir / "part"})).code == 0);
  const Outcome resumed = run_gradus({"train", "--resume", dir / "part", "--epochs", "3", "--quiet"});
  REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
  for (const char* file : {"/model.safetensors", "/batch_sizes.csv"})
    CHECK(dir.read(std::string("part") + file) == dir.read(std::string("whole") + file));
  const Outcome shorter = run_gradus({"train", "--resume", dir / "part", "--epochs", "1", "--quiet"});
  CHECK(shorter.code == 2);
  CHECK(shorter.err.find("can only become longer") != std::string::npos);
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
