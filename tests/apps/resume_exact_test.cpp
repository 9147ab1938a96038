// A run that is stopped and resumed is, to the last bit, the run that was never stopped.
#include <doctest/doctest.h>

#include <sstream>

#include "apps/train/trainer.h"
#include "core/threads.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

// Batch norm, dropout, augmentation, a running mean of the weights, a schedule over the whole run, accumulation and a
// smaller last batch.
TrainConfig everything() {
  TrainConfig config;
  config.data = "digits:train=90,test=32";
  config.model = "wrn:depth=10,width=1,channels=4,dropout=0.3";
  config.optim = "sgd:lr=0.05,momentum=0.9,weight_decay=5e-4,nesterov=true";
  config.schedule = "one-cycle:rise=0.4";
  config.augment = "pad-crop,flip,cutout(size=6)";
  config.ema = 0.8;
  config.clip_norm = 5;
  config.batch_size = 8;
  config.accumulate = 2;
  config.steps = 11;
  config.save_every = 4;
  config.eval_every = 3;
  config.seed = 5;
  config.threads = threads();
  return config;
}

// Files of a finished run, with what the clock decides taken out.
struct Finished {
  std::string model, best, checkpoint, metrics;
  bool operator==(const Finished&) const = default;
};

Finished read_run(const TempDir& dir, const std::string& name) {
  Finished f{dir.read(name + "/model.safetensors"), dir.read(name + "/best.safetensors"), "", ""};
  TensorFile checkpoint = read_safetensors(dir / (name + "/checkpoint.safetensors"));
  auto state = nlohmann::json::parse(checkpoint.metadata.at("gradus_checkpoint"));
  state["state"].erase("seconds");
  f.checkpoint = state.dump();
  for (const auto& [tensor, value] : checkpoint.tensors)
    f.checkpoint += tensor + std::string(reinterpret_cast<const char*>(value.data()),
                                         static_cast<size_t>(value.numel()) * sizeof(real));
  std::istringstream lines(dir.read(name + "/metrics.csv"));
  for (std::string line; std::getline(lines, line);) f.metrics += line.substr(0, line.rfind(',')) + "\n";
  return f;
}

// Trains in stages: each ends when `stop` says so after the questions given, the last one at the end.
Finished train_in_stages(const TempDir& dir, const std::string& name, const std::vector<int>& questions) {
  const TrainConfig config = everything();
  const RunDirectory run = RunDirectory::create(dir / name, name, config);
  for (int left : questions) {
    Trainer stage(config);
    CHECK_FALSE(stage.train(run, true, [&] { return left-- <= 0; }));
    CHECK(stage.state().step < *config.steps);
  }
  Trainer last(run.config());
  CHECK(last.train(run, true, [] { return false; }));
  CHECK(last.state().step == *config.steps);
  return read_run(dir, name);
}

}  // namespace

TEST_CASE("resume, bit for bit: batch norm, dropout, augmentation, --ema, schedule and accumulation") {
  const TempDir dir;
  const Finished whole = train_in_stages(dir, "whole", {});
  CHECK(whole.metrics.find("\n11,") != std::string::npos);
  CHECK(train_in_stages(dir, "again", {}) == whole);
  CHECK(train_in_stages(dir, "one", {4}) == whole);
  CHECK(train_in_stages(dir, "many", {1, 0, 2, 1}) == whole);

  // Everything that was switched on does matter.
  const auto differs = [&](const char* name, const auto& change) {
    CAPTURE(name);
    TrainConfig config = everything();
    change(config);
    Trainer trainer(config);
    const RunDirectory run = RunDirectory::create(dir / name, name, config);
    CHECK(trainer.train(run, true, [] { return false; }));
    CHECK(dir.read(std::string(name) + "/model.safetensors") != whole.model);
  };
  differs("no-ema", [](TrainConfig& c) { c.ema.reset(); });
  differs("no-augment", [](TrainConfig& c) { c.augment.clear(); });
  differs("no-dropout", [](TrainConfig& c) { c.model = "wrn:depth=10,width=1,channels=4"; });
  differs("no-schedule", [](TrainConfig& c) { c.schedule = "constant"; });
}
