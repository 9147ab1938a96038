// Several ranks under a real mpirun; all of it is skipped where there is none, or where gradus is built without MPI.
#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/communicator.h"
#include "core/safetensors.h"
#include "tests/paths.h"
#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;

namespace {

using Args = std::vector<std::string>;

bool no_ranks() {
  if (gradus::has_ranks() && std::system("command -v mpirun > /dev/null") == 0) return false;
  MESSAGE("skipped: no mpirun here");
  return true;
}

Outcome run_ranks(int n, const Args& args) {
  Args command = {"mpirun", "--oversubscribe", "--bind-to", "none", "-n", std::to_string(n), program_path()};
  command.insert(command.end(), args.begin(), args.end());
  return run_command(command, {.environment = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                                               {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                                               {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
                                               {"OMP_NUM_THREADS", "1"}}});
}

Args with(Args args, const Args& more) {
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

Args run_of(const std::string& model) {
  return {"train",        "--data",       "digits:train=300,test=60",
          "--model",      model,          "--optim",
          "adam:lr=1e-3", "--batch-size", "50",
          "--augment",    "pad-crop",     "--eval-every",
          "20",           "--steps",      "50",
          "--quiet",      "--json"};
}

// The largest difference of two files of weights.
double difference(const std::string& a, const std::string& b) {
  const gradus::TensorFile x = gradus::read_safetensors(a), y = gradus::read_safetensors(b);
  REQUIRE(x.tensors.size() == y.tensors.size());
  double most = 0;
  for (const auto& [name, tensor] : x.tensors) {
    const gradus::Tensor& other = y.get(name, b);
    for (gradus::int64 i = 0; i < tensor.numel(); ++i)
      most = std::max(most,
                      std::abs(static_cast<double>(tensor.data()[i]) - static_cast<double>(other.data()[i])));
  }
  return most;
}

int script(const Args& command) {
  const Outcome o = run_command(command);
  INFO(o.out, o.err);
  if (o.code == 77) MESSAGE(o.out);
  CHECK((o.code == 0 || o.code == 77));
  return o.code;
}

}  // namespace

TEST_CASE("ranks: deterministic training comes to the same bytes with 1, 2, 3 and 4") {
  if (no_ranks()) return;
  for (const std::string model :
       {"mlp:hidden=32,dropout=0.3", "lenet:conv1=4,conv2=8,hidden=16,dropout=0.2"}) {
    CAPTURE(model);
    const TempDir dir;
    const Args run = with(run_of(model), {"--deterministic"});
    const Outcome one = run_gradus(with(run, {"--out", dir / "1"}));
    REQUIRE_MESSAGE(one.code == 0, one.err);
    const auto expected = nlohmann::json::parse(one.out);
    CHECK(expected["ranks"] == 1);
    for (const int n : {2, 3, 4}) {
      const Outcome o = run_ranks(n, with(run, {"--out", dir / std::to_string(n)}));
      REQUIRE_MESSAGE(o.code == 0, o.err);
      const auto result = nlohmann::json::parse(o.out);  // one object: rank 0 alone speaks
      CHECK(result["ranks"] == n);
      CHECK(result["test_loss"] == expected["test_loss"]);
      CHECK(result["train_loss"] == expected["train_loss"]);
      CHECK(bytes_of(dir / (std::to_string(n) + "/model.safetensors")) ==
            bytes_of(dir / "1/model.safetensors"));
    }
  }
}

TEST_CASE("ranks: fast training is that of one process to rounding, batch norm and dropout too") {
  if (no_ranks()) return;
  const TempDir dir;
  // Few steps of plain SGD: longer runs, and steps that divide by small gradients, blow up differences of rounding.
  for (const std::string model : {"mlp:hidden=32,dropout=0.3", "resnet8"}) {
    CAPTURE(model);
    const Args run = {"train",        "--data",    "digits:train=120,test=60",
                      "--model",      model,       "--optim",
                      "sgd:lr=0.05",  "--steps",   "2",
                      "--batch-size", "30",        "--schedule",
                      "constant",     "--threads", "1",
                      "--quiet",      "--json"};
    const std::string one = dir / (model + "-1"), three = dir / (model + "-3");
    const Outcome a = run_gradus(with(run, {"--out", one})), b = run_ranks(3, with(run, {"--out", three}));
    REQUIRE_MESSAGE(a.code == 0, a.err);
    REQUIRE_MESSAGE(b.code == 0, b.err);
    const std::string expected = one + "/model.safetensors";
    CHECK(difference(expected, three + "/model.safetensors") < 1e-4);
    if (model != "resnet8") continue;
    // Statistics of each rank's own examples are something else.
    const Outcome own = run_ranks(3, with(run, {"--batch-norm", "rank", "--out", three + "-own"}));
    REQUIRE_MESSAGE(own.code == 0, own.err);
    CHECK(difference(expected, three + "-own/model.safetensors") > 1e-3);
  }
}

TEST_CASE("ranks: a federation comes to the same bytes with 1, 2, 3 and 4") {
  if (no_ranks()) return;
  for (const std::string model : {"mlp:hidden=32", "lenet:conv1=4,conv2=8,hidden=16"}) {
    CAPTURE(model);
    const TempDir dir;
    const Args run = {"federated",
                      "--data",
                      "digits:train=300,test=60",
                      "--model",
                      model,
                      "--clients",
                      "12",
                      "--per-round",
                      "5",
                      "--rounds",
                      "3",
                      "--server",
                      "fedadam:lr=0.03",
                      "--threads",
                      "1",
                      "--quiet",
                      "--json"};
    const Outcome one = run_gradus(with(run, {"--out", dir / "1"}));
    REQUIRE_MESSAGE(one.code == 0, one.err);
    for (const int n : {2, 3, 4}) {
      const Outcome o = run_ranks(n, with(run, {"--out", dir / std::to_string(n)}));
      REQUIRE_MESSAGE(o.code == 0, o.err);
      CHECK(bytes_of(dir / (std::to_string(n) + "/model.safetensors")) ==
            bytes_of(dir / "1/model.safetensors"));
    }
  }
}

TEST_CASE("ranks: a run goes on with another number of ranks to the same bytes") {
  if (no_ranks()) return;
  const TempDir dir;
  const Args run = with(run_of("mlp:hidden=32,dropout=0.3"), {"--deterministic", "--schedule", "constant"});
  REQUIRE(run_ranks(2, with(run, {"--out", dir / "whole"})).code == 0);
  REQUIRE(run_ranks(3, with(run, {"--out", dir / "run", "--steps", "20"})).code == 0);
  const Outcome on = run_ranks(2, {"train", "--resume", dir / "run", "--steps", "35", "--quiet"});
  REQUIRE_MESSAGE(on.code == 0, on.err);
  REQUIRE(run_gradus({"train", "--resume", dir / "run", "--steps", "50", "--quiet"}).code == 0);
  CHECK(bytes_of(dir / "run/model.safetensors") == bytes_of(dir / "whole/model.safetensors"));
}

TEST_CASE("ranks: what is wrong is said once, with the exit code of one process") {
  if (no_ranks()) return;
  const TempDir dir;
  const auto once = [](const Outcome& o, const std::string& text) {
    const size_t at = o.err.find(text);
    INFO(o.err);
    CHECK(at != std::string::npos);
    CHECK(o.err.find(text, at + 1) == std::string::npos);
  };
  Outcome o = run_ranks(3, {"train", "--optim", "adm"});
  CHECK(o.code == 2);
  once(o, "unknown optimizer 'adm'");
  o = run_ranks(3, {"train", "--data", "mnist", "--data-dir", dir.path()});
  CHECK(o.code == 3);
  once(o, "gradus: ");
  o = run_ranks(2, {"train", "--optim", "sgd:lr=1e30", "--steps", "20", "--quiet", "--out", dir / "run"});
  CHECK(o.code == 4);
  once(o, "training diverged");
  o = run_ranks(2, {"sweep", "--optim", "adam:lr=1e-3..1e-2/2"});
  CHECK(o.code == 2);
  once(o, "runs in one process");
  o = run_ranks(3, {"train", "--deterministic", "--batch-parts", "2", "--out", dir / "parts"});
  CHECK(o.code == 2);
  once(o, "--batch-parts 2");
}

TEST_CASE("ranks: the loss of one ends the others by name, and loses nothing") {
  if (no_ranks()) return;
  script({"bash", (tests_dir() / "ranks/kills.sh").string(), program_path(), "2"});
}

TEST_CASE("ranks: three hosts, one of them cut off") {
  if (no_ranks()) return;
  script({"bash", (tests_dir() / "ranks/hosts.sh").string(), program_path()});
}
