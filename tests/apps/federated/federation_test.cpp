// The loop of a federation: resumed runs, threads, buffers, dropped clients; the command and what it refuses.
#include "apps/federated/federation.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/safetensors.h"
#include "core/threads.h"
#include "data/registry.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"
#include "tests/temp_dir.h"

using namespace gradus;
using tests::run;

namespace {

// Everything that has a state or a draw takes part: dropout, augmentation, moments, failing and empty clients.
FederatedConfig small_run() {
  FederatedConfig c;
  c.data = "digits:train=120,test=40";
  c.model = "mlp:hidden=12,dropout=0.2";
  c.clients = 12;
  c.per_round = 5;
  c.partition = "dirichlet:alpha=0.2,balanced=false";
  c.server = "fedadam:lr=0.02";
  c.client = "sgd:lr=0.1,momentum=0.5";
  c.augment = "pad-crop";
  c.local_epochs = 2;
  c.batch_size = 4;
  c.drop_rate = 0.2;
  c.rounds = 6;
  c.eval_every = 2;
  c.save_every = 4;
  c.seed = 3;
  return c;
}

// Files of a finished run, with what the clock decides taken out.
struct FinishedFederation {
  std::string model, checkpoint, metrics;
  bool operator==(const FinishedFederation&) const = default;
};

FinishedFederation read_federation(const TempDir& dir, const std::string& name) {
  FinishedFederation f{dir.read(name + "/model.safetensors"), "", ""};
  const TensorFile file = read_safetensors(dir / (name + "/checkpoint.safetensors"));
  auto state = nlohmann::json::parse(file.metadata.at("gradus_checkpoint"));
  state["state"].erase("seconds");
  for (auto& row : state["state"]["rows"]) row.erase("seconds");
  f.checkpoint = state.dump();
  for (const auto& [tensor, value] : file.tensors)
    f.checkpoint += tensor + std::string(reinterpret_cast<const char*>(value.data()),
                                         static_cast<size_t>(value.numel()) * sizeof(real));
  std::istringstream lines(dir.read(name + "/metrics.csv"));
  for (std::string line; std::getline(lines, line);) f.metrics += line.substr(0, line.rfind(',')) + "\n";
  return f;
}

RunDirectory make_run(const TempDir& dir, const std::string& name, const FederatedConfig& config) {
  return RunDirectory::create(dir / name, name, "federated", config_json(config), round_csv_header());
}

// Trains in stages, each ended by `stop` after so many questions, the last one at the end.
FinishedFederation in_stages(const TempDir& dir, const std::string& name, const FederatedConfig& config,
                             const std::vector<int>& questions) {
  const RunDirectory at = make_run(dir, name, config);
  for (int left : questions) {
    Federation stage(config);
    CHECK_FALSE(stage.train(at, true, [&] { return left-- <= 0; }));
    CHECK_FALSE(stage.done());
  }
  Federation last(config);
  CHECK(last.train(at, true, [] { return false; }));
  CHECK(last.done());
  return read_federation(dir, name);
}

std::vector<real> weights_after(const FederatedConfig& config) {
  Federation federation(config);
  while (!federation.done()) federation.advance();
  std::vector<real> all;
  for (const auto& p : federation.model().parameters()) {
    const auto v = p->value.values();
    all.insert(all.end(), v.begin(), v.end());
  }
  return all;
}

}  // namespace

TEST_CASE("federated runs resume bit for bit, wherever they were cut") {
  const TempDir dir;
  const FederatedConfig config = small_run();
  const FinishedFederation whole = in_stages(dir, "whole", config, {});
  CHECK(whole.metrics.find("\n6,") != std::string::npos);
  CHECK(in_stages(dir, "again", config, {}) == whole);
  CHECK(in_stages(dir, "early", config, {0}) == whole);
  CHECK(in_stages(dir, "middle", config, {9}) == whole);
  CHECK(in_stages(dir, "many", config, {3, 1, 6, 2, 7}) == whole);
  // A process that was killed between its metrics and its checkpoint leaves rows that are written again.
  const RunDirectory killed = make_run(dir, "killed", config);
  Federation first(config);
  int left = 12;
  CHECK_FALSE(first.train(killed, true, [&] { return left-- <= 0; }));
  killed.append("6,0,0,0,0,0,0,0,0,0,0", {{"round", 6}});
  Federation second(config);
  CHECK(second.train(killed, true, [] { return false; }));
  CHECK(read_federation(dir, "killed") == whole);
}

TEST_CASE("federated runs: threads change nothing; every setting that decides the result does") {
  const FederatedConfig base = small_run();
  const std::vector<real> weights = weights_after(base);
  const int before = threads();
  for (const int n : {1, 2}) {
    set_threads(n);
    CHECK(weights_after(base) == weights);
  }
  set_threads(before);
  const auto differs = [&](const char* what, const auto& change) {
    CAPTURE(what);
    FederatedConfig config = base;
    change(config);
    CHECK(weights_after(config) != weights);
  };
  differs("seed", [](FederatedConfig& c) { c.seed = 4; });
  differs("partition", [](FederatedConfig& c) { c.partition = "iid"; });
  differs("per_round", [](FederatedConfig& c) { c.per_round = 4; });
  differs("local_epochs", [](FederatedConfig& c) { c.local_epochs = 1; });
  differs("batch_size", [](FederatedConfig& c) { c.batch_size = 5; });
  differs("server", [](FederatedConfig& c) { c.server = "fedyogi:lr=0.02"; });
  differs("client", [](FederatedConfig& c) { c.client = "sgd:lr=0.1"; });
  differs("weighting", [](FederatedConfig& c) { c.weighting = "uniform"; });
  differs("drop_rate", [](FederatedConfig& c) { c.drop_rate = 0; });
  differs("augment", [](FederatedConfig& c) { c.augment.clear(); });
  differs("label_smoothing", [](FederatedConfig& c) { c.label_smoothing = 0.1; });
  differs("rounds", [](FederatedConfig& c) { c.rounds = 5; });
}

TEST_CASE("federated runs count failed and empty clients and the bytes of the model") {
  FederatedConfig config = small_run();
  config.clients = config.per_round = 30;  // all of them every round
  config.drop_rate = 0.5;
  Federation federation(config);
  int64 without = 0;
  for (const auto& part : federation.partition()) without += part.empty();
  CHECK(without > 0);
  while (!federation.done()) federation.advance();
  const auto model_bytes = static_cast<int64>(sizeof(real)) * ((784 + 1) * 12 + (12 + 1) * 10);
  int64 empty = 0, dropped = 0;
  for (const RoundRow& row : federation.state().rows) {
    CHECK(row.clients + row.empty + row.dropped == 30);
    CHECK(row.bytes_up == row.clients * model_bytes);
    CHECK(row.bytes_down == 30 * model_bytes);
    CHECK(row.empty <= without);
    empty += row.empty, dropped += row.dropped;
  }
  CHECK(empty > 0);
  CHECK(dropped > 30);
  CHECK(federation.summary().dropped == dropped);
}

TEST_CASE("buffers of batch norm are averaged plainly, whatever the server's rule") {
  const Data data = open_data("digits:train=60,test=10");
  const std::string spec = "wrn:depth=10,width=1,channels=4";
  const auto model = make_model(spec, {.channels = 1, .height = 28, .width = 28, .classes = 10}, Rng(1));
  const Partition parts = make_partition("iid", *data.train, 3, 0);
  ModelProblem problem(*model, data.train, parts, {.batch_size = 10}, Rng(1));
  const OptimizerTraining training("sgd:lr=0.1", problem.parameters());
  const ServerPoint start = read_point(problem);
  REQUIRE(start.buffers.numel() > 0);
  std::vector<double> expected(static_cast<size_t>(start.buffers.numel()));
  for (const int64 c : {0, 2}) {
    const ClientUpdate update = train_client(problem, training, start, 0, c);
    for (size_t i = 0; i < expected.size(); ++i)
      expected[i] += 0.5 * static_cast<double>(start.buffers.data()[i] + update.delta.buffers.data()[i]);
  }
  ServerPoint point{start.x.clone(), start.buffers.clone()};
  const ServerRulePtr server = make_server_rule("fedadam:lr=0.5");
  run_round(problem, training, *server, point, {0, {0, 2}, {}}, Weighting::kExamples);
  double moved = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(static_cast<double>(point.buffers.data()[i]) == doctest::Approx(expected[i]).epsilon(1e-5));
    moved += std::abs(static_cast<double>(point.buffers.data()[i] - start.buffers.data()[i]));
  }
  CHECK(moved > 0);
  CHECK(server->slot("m")->numel() == start.x.numel());
}

TEST_CASE("gradus federated: result, run directory, resume, other commands on the run") {
  const TempDir dir;
  const std::vector<std::string> line{"federated",
                                      "--data",
                                      "digits:train=120,test=40",
                                      "--model",
                                      "mlp:hidden=8",
                                      "--clients",
                                      "6",
                                      "--per-round",
                                      "3",
                                      "--rounds",
                                      "2",
                                      "--quiet",
                                      "--server",
                                      "fedyogi",
                                      "--target",
                                      "0.01",
                                      "--out",
                                      dir / "a",
                                      "--json",
                                      "--eval-every",
                                      "1"};
  const auto result = nlohmann::json::parse(run(line).text);
  CHECK(result.at("rounds") == 2);
  CHECK(result.at("server") == "fedyogi:lr=0.01,tau=0.001,form=keras,beta1=0.9,beta2=none");
  CHECK(result.at("rounds_to_target").is_null());
  CHECK(result.at("smallest_client") == 20);
  CHECK(result.at("test_accuracy").is_number());
  CHECK(result.at("client_accuracy_worst_decile") <= result.at("client_accuracy_mean"));
  const auto more = nlohmann::json::parse(
      run({"federated", "--resume", dir / "a", "--rounds", "6", "--quiet", "--json"}).text);
  CHECK(more.at("rounds") == 6);
  CHECK(more.at("rounds_to_target") == 5);
  const auto eval = nlohmann::json::parse(run({"eval", dir / "a", "--json"}).text);
  CHECK(eval.at("test_accuracy").get<double>() == doctest::Approx(more.at("test_accuracy").get<double>()));
  const auto config = nlohmann::json::parse(dir.read("a/config.json"));
  CHECK(config.at("command") == "federated");
  const auto again = nlohmann::json::parse(
      run({"federated", "--config", dir / "a/config.json", "--out", dir / "b", "--quiet", "--json"}).text);
  CHECK(again.at("test_loss") == more.at("test_loss"));
  CHECK(dir.read("b/model.safetensors") == dir.read("a/model.safetensors"));
  CHECK(run({"federated", "--rounds", "0", "--data", "digits:train=60,test=20", "--clients", "5",
             "--per-round", "5", "--quiet", "--out", dir / "c"})
            .text.find("test accuracy") != std::string::npos);
}

TEST_CASE("gradus federated refuses what makes no sense and loses nothing") {
  const TempDir dir;
  const auto call = [&](std::vector<std::string> more) {
    std::vector<std::string> line{"federated", "--data", "digits:train=60,test=20",
                                  "--rounds",  "1",      "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line);
  };
  const auto refused = [&](const std::vector<std::string>& more, const char* text) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(call(more), doctest::Contains(text), UsageError);
  };
  refused({"--per-round", "11", "--clients", "10"}, "only 10 clients");
  refused({"--clients", "0"}, "--clients");
  refused({"--partition", "dirichlett"}, "did you mean 'dirichlet'");
  refused({"--server", "fedadagrd"}, "did you mean 'fedadagrad'");
  refused({"--server", "fedadam:rate=1"}, "server rule fedadam");
  refused({"--client", "sgdd"}, "sgd");
  refused({"--weighting", "sizes"}, "examples");
  refused({"--drop-rate", "1"}, "--drop-rate");
  refused({"--drop-rte", "0.1"}, "--drop-rate");
  CHECK_THROWS_AS(call({"--data", "mnist", "--data-dir", dir.path()}), DataError);
  CHECK_THROWS_AS(call({"--save", dir / "no/folder.safetensors"}), DataError);
  CHECK_THROWS_AS(run({"federated", "--resume", dir / "nothing"}), DataError);

  call({"--out", dir / "fed"});
  run({"train", "--data", "digits:train=60,test=20", "--steps", "1", "--quiet", "--out", dir / "train"});
  const std::string weights = dir.read("fed/model.safetensors");
  refused({"--out", dir / "fed"}, "gradus federated --resume");
  CHECK_THROWS_WITH_AS(run({"federated", "--resume", dir / "fed", "--server", "fedavgm"}),
                       doctest::Contains("--server cannot be changed"), UsageError);
  CHECK_THROWS_WITH_AS(run({"federated", "--resume", dir / "train"}), doctest::Contains("gradus train"),
                       UsageError);
  CHECK_THROWS_WITH_AS(run({"train", "--resume", dir / "fed"}),
                       doctest::Contains("gradus federated --resume"), UsageError);
  CHECK(dir.read("fed/model.safetensors") == weights);
  dir.write("fed/checkpoint.safetensors", "damaged");
  CHECK_THROWS_AS(run({"federated", "--resume", dir / "fed", "--rounds", "3", "--quiet"}), DataError);
  CHECK_THROWS_WITH_AS(
      call({"--client", sizeof(real) == 8 ? "sgd:lr=1e308" : "sgd:lr=1e38", "--out", dir / "wild"}),
      doctest::Contains("diverged"), NumericError);
}
