// Every optimizer of the registry through a run directory: stopped and resumed, it ends with the bytes of a run that
// never stopped.
#include <doctest/doctest.h>

#include "apps/train/trainer.h"
#include "core/error.h"
#include "optim/registry.h"
#include "tests/selected.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

TrainConfig short_run(const OptimizerEntry& entry, int64 steps) {
  TrainConfig config;
  config.data = "digits:train=60,test=10";
  config.model = "lenet:conv1=2,conv2=3,hidden=6";
  config.optim = entry.text.name + (entry.wraps ? "(adam)" : "");
  config.schedule = "multistep:milestones=2-6,gamma=0.5,unit=steps";
  config.batch_size = 8;
  config.steps = steps;
  config.seed = 4;
  config.threads = 1;
  return config;
}

// The weights after the run in `folder` has gone on to `steps`.
std::string trained_up_to(const TempDir& dir, const std::string& folder, const TrainConfig& config) {
  const bool resumes = std::filesystem::exists(dir / folder);
  const RunDirectory run =
      resumes ? RunDirectory::open(dir / folder) : RunDirectory::create(dir / folder, "", config);
  run.write_config(config);
  CHECK(Trainer(config).train(run, true));
  return dir.read(folder + "/model.safetensors");
}

}  // namespace

TEST_CASE("every optimizer: a run stopped at any of its steps and resumed ends in the same bytes" *
          doctest::test_suite("slow")) {
  for (const OptimizerEntry& entry : optimizers()) {
    if (!tests::selected(entry.text.name)) continue;
    CAPTURE(entry.text.name);
    const TempDir dir;
    std::string whole;
    try {
      whole = trained_up_to(dir, "whole", short_run(entry, 12));
    } catch (const UsageError& e) {  // a need that the trainer does not serve is refused by name
      CHECK(std::string(e.what()).find("this training regime cannot give") != std::string::npos);
      continue;
    }
    CHECK(whole.size() > 1000);
    for (const int64 stop : {1, 4, 7}) trained_up_to(dir, "parts", short_run(entry, stop));
    CHECK(trained_up_to(dir, "parts", short_run(entry, 12)) == whole);
  }
}
