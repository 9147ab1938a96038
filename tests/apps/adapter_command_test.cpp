// Adapters from the command line: training beside other weights, what a run leaves, resuming, applying and merging one.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/train/run_dir.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::adapter_command_tests {

using Words = std::vector<std::string>;
namespace fs = std::filesystem;

const Words kBase = {"--data", "digits:train=200,test=60", "--model", "mlp:hidden=12-8"};

Words with_adapter(const std::string& base, const Words& more) {
  Words line = kBase;
  for (const std::string& word : {std::string("--init"), base, std::string("--adapter"),
                                  std::string("lora:rank=2,alpha=4,dropout=0.1")})
    line.push_back(word);
  line.insert(line.end(), more.begin(), more.end());
  return line;
}
Words and_then(Words line, const Words& more) {
  line.insert(line.end(), more.begin(), more.end());
  return line;
}
TensorFile file_in(const std::string& run, const char* name) { return read_safetensors(run + "/" + name); }
std::vector<std::string> bytes_of(const TensorFile& file) {
  std::vector<std::string> all;
  for (const auto& [name, t] : file.tensors)
    all.push_back(name + std::string(reinterpret_cast<const char*>(t.data()),
                                     static_cast<size_t>(t.numel()) * sizeof(real)));
  return all;
}

TEST_CASE("train --adapter: the run leaves the adapter and head alone, and weights in which it is merged") {
  const TempDir dir;
  const std::string base = trained(dir, "base", and_then(kBase, {"--steps", "6"})),
                    run_dir = trained(dir, "tuned", with_adapter(base, {"--steps", "5"}));
  const TensorFile before = file_in(base, "model.safetensors"), after = file_in(run_dir, "model.safetensors"),
                   alone = file_in(run_dir, "adapter/adapter_model.safetensors");
  CHECK(after.tensors.size() == before.tensors.size());  // no trace of the adapter
  CHECK(alone.tensors.size() == 6);  // two factors of two layers, the head's weight and bias
  CHECK(alone.find("base_model.model.fc1.lora_A.weight")->shape() == Shape{2, 784});
  CHECK(alone.find("base_model.model.fc3.bias") != nullptr);
  // W = W0 + 2*B*A; biases of frozen layers stay.
  const Tensor &A = alone.get("base_model.model.fc2.lora_A.weight", ""),
               &B = alone.get("base_model.model.fc2.lora_B.weight", "");
  const Tensor &W0 = before.get("fc2.weight", ""), &W = after.get("fc2.weight", "");
  for (const auto& [i, j] : {std::pair<int64, int64>{0, 0}, {7, 11}, {3, 5}}) {
    double sum = double(W0.at({i, j}));
    for (int64 k = 0; k < 2; ++k) sum += 2 * double(B.at({i, k})) * double(A.at({k, j}));
    CHECK(double(W.at({i, j})) == doctest::Approx(sum).epsilon(1e-5));
  }
  CHECK(before.get("fc1.bias", "").values() == after.get("fc1.bias", "").values());
  CHECK(before.get("fc3.weight", "").values() != after.get("fc3.weight", "").values());

  // Applied to the base again, and merged into it, it gives what the run itself gives.
  const auto score = [](const Words& line) {
    return nlohmann::json::parse(run(line).text).at("test_loss").get<double>();
  };
  const double own = score({"eval", run_dir, "--json"});
  const std::string adapter = run_dir + "/adapter";
  CHECK(score({"eval", base, "--adapter", adapter, "--json"}) == doctest::Approx(own).epsilon(1e-5));
  CHECK(run({"export", base, dir / "merged.safetensors", "--merge", adapter}).code == kOk);
  CHECK(score({"eval", "--init", dir / "merged.safetensors", "--data", kBase[1], "--json"}) ==
        doctest::Approx(own).epsilon(1e-5));
  CHECK(score({"eval", base, "--json"}) != doctest::Approx(own).epsilon(1e-5));
}

TEST_CASE("train --adapter: a run that is cut goes on bit for bit, also where the base is gone") {
  const TempDir dir;
  const std::string base = trained(dir, "base", and_then(kBase, {"--steps", "4"}));
  const std::string whole = trained(dir, "whole", with_adapter(base, {"--steps", "7"})),
                    cut = trained(dir, "cut", with_adapter(base, {"--steps", "7", "--schedule", "wsd"}));
  CHECK(bytes_of(file_in(cut, "model.safetensors")) == bytes_of(file_in(whole, "model.safetensors")));
  const std::string part =
                        trained(dir, "part", with_adapter(base, {"--steps", "3", "--schedule", "constant"})),
                    all = trained(dir, "all", with_adapter(base, {"--steps", "7", "--schedule", "constant"}));
  fs::remove_all(base);
  CHECK(run({"train", "--quiet", "--resume", part, "--steps", "7"}).code == kOk);
  CHECK(bytes_of(file_in(part, "checkpoint.safetensors")) ==
        bytes_of(file_in(all, "checkpoint.safetensors")));
  CHECK(bytes_of(file_in(part, "adapter/adapter_model.safetensors")) ==
        bytes_of(file_in(all, "adapter/adapter_model.safetensors")));
}

TEST_CASE(
    "train --adapter: counts are said, the optimizer remembers the adapter and head alone, mistakes are "
    "refused") {
  const TempDir dir;
  const std::string base = trained(dir, "base", and_then(kBase, {"--steps", "2"}));
  TrainConfig config;
  config.data = kBase[1];
  config.model = kBase[3];
  config.init = base;
  config.adapter = "lora:rank=2";
  config.steps = 1;
  Trainer trainer(config);
  const int64 factors = 2 * (784 + 12) + 2 * (12 + 8), head = 90;
  bool said = false;
  for (const std::string& note : trainer.notes())
    said = said || note.find("trainable 1,722 of") != std::string::npos;
  CHECK(factors + head == 1722);
  CHECK(said);
  trainer.begin();
  trainer.step_at(1);
  CHECK(trainer.optimizer().state_bytes() < 3 * 1722 * sizeof(real));
  CHECK_THROWS_AS(
      run(and_then({"train", "--quiet", "--out", dir / "x"}, and_then(kBase, {"--adapter", "lorra"}))),
      UsageError);
  CHECK_THROWS_AS(run(and_then({"train", "--quiet", "--out", dir / "x"},
                               and_then(kBase, {"--adapter", "lora:targets=conv*"}))),
                  UsageError);
  CHECK_THROWS_AS(run({"eval", base, "--adapter", dir / "nowhere"}), DataError);
}

TEST_CASE("train --adapter: beside convolutions, with the statistics of batch norm; cut and gone on with") {
  const TempDir dir;
  const Words net = {"--data", "digits:train=96,test=40", "--model", "resnet8:width=2", "--batch-size", "24"};
  const std::string base = trained(dir, "base", and_then(net, {"--steps", "3"}));
  const Words adapted = and_then(
      net, {"--init", base, "--adapter", "lora:rank=2,alpha=4,targets=*conv*", "--schedule", "constant"});
  const std::string whole = trained(dir, "whole", and_then(adapted, {"--steps", "5"})),
                    part = trained(dir, "part", and_then(adapted, {"--steps", "2"}));
  const TensorFile alone = file_in(whole, "adapter/adapter_model.safetensors");
  const std::string layer = "base_model.model.layer2.0.conv1.";
  CHECK(alone.get(layer + "lora_A.weight", "").shape() == Shape{2, 2, 3, 3});
  CHECK(alone.get(layer + "lora_B.weight", "").shape() == Shape{4, 2, 1, 1});
  // W = W0 + 2*B*A, kernel by kernel.
  const Tensor &A = alone.get(layer + "lora_A.weight", ""), &B = alone.get(layer + "lora_B.weight", "");
  const Tensor W0 = file_in(base, "model.safetensors").get("layer2.0.conv1.weight", ""),
               W = file_in(whole, "model.safetensors").get("layer2.0.conv1.weight", "");
  double moved = 0;
  for (int64 o = 0; o < 4; ++o)
    for (int64 i = 0; i < 18; ++i) {
      double sum = double(W0.data()[o * 18 + i]);
      for (int64 k = 0; k < 2; ++k) sum += 2 * double(B.data()[o * 2 + k]) * double(A.data()[k * 18 + i]);
      CHECK(double(W.data()[o * 18 + i]) == doctest::Approx(sum).epsilon(1e-5));
      moved = std::max(moved, std::abs(sum - double(W0.data()[o * 18 + i])));
    }
  CHECK(moved > 1e-6);
  const auto loss = [](const Words& line) {
    return nlohmann::json::parse(run(line).text).at("test_loss").get<double>();
  };
  const double own = loss({"eval", whole, "--json"});
  CHECK(loss({"eval", base, "--adapter", whole + "/adapter", "--json"}) ==
        doctest::Approx(own).epsilon(1e-4));
  CHECK(run({"export", base, dir / "merged.safetensors", "--merge", whole + "/adapter"}).code == kOk);
  CHECK(loss({"eval", "--init", dir / "merged.safetensors", "--data", net[1], "--json"}) ==
        doctest::Approx(own).epsilon(1e-4));
  CHECK(run({"train", "--quiet", "--resume", part, "--steps", "5"}).code == kOk);
  CHECK(bytes_of(file_in(part, "checkpoint.safetensors")) ==
        bytes_of(file_in(whole, "checkpoint.safetensors")));
  CHECK(bytes_of(file_in(part, "adapter/adapter_model.safetensors")) ==
        bytes_of(file_in(whole, "adapter/adapter_model.safetensors")));
}

TEST_CASE("adapter list and show: every kind with its options") {
  const std::string list = run({"adapter", "list"}).text;
  for (const char* name : {"lora", "dora", "allora", "c3a", "ard-lora", "elalora"})
    CHECK(list.find(name) != std::string::npos);
  const std::string lora = run({"adapter", "show", "lora"}).text;
  CHECK(lora.find("rslora") != std::string::npos);
  CHECK(lora.find("targets") != std::string::npos);
  CHECK_THROWS_AS(run({"adapter", "show", "lorra"}), UsageError);
}

}  // namespace gradus::adapter_command_tests
