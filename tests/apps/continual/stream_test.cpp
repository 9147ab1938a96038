// The loop of continual learning: every method, cut anywhere; scenarios; the command and what it refuses.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/continual/continual_run.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "tests/apps/in_process.h"
#include "tests/temp_dir.h"

namespace gradus::continual_stream_tests {

using tests::run;

ContinualConfig small_stream(const std::string& method) {
  ContinualConfig c;
  c.data = "digits:train=100,test=40";
  c.tasks = "split:classes=2,tasks=3";
  c.method = method;
  c.hidden = 8;
  c.features = 6;
  c.epochs = 2;
  c.batch_size = 8;
  c.seed = 2;
  return c;
}

const std::vector<std::string>& small_methods() {
  static const std::vector<std::string> all{"naive:lr=0.02",
                                            "joint",
                                            "replay:memory=12",
                                            "replay:memory=12,selection=reservoir",
                                            "ewc:fisher_rows=10",
                                            "ewc:variant=online,fisher_rows=10",
                                            "lwf",
                                            "agem:memory=8,reference_rows=5",
                                            "foster:memory=12,lr=0.02",
                                            "rogo:lr=0.01,score_threshold=0.1,samples=0",
                                            "tag:lr=1e-3",
                                            "hard-ash:z_k=1",
                                            "amgc:lr=0.01,kd=1",
                                            "csfa:shots=2,refresh=true,e0_factor=2"};
  return all;
}

// Files of a finished run without what the clock decides.
std::string finished(const TempDir& dir, const std::string& name) {
  const TensorFile file = read_safetensors(dir / (name + "/checkpoint.safetensors"));
  auto meta = nlohmann::json::parse(file.metadata.at("gradus_checkpoint"));
  auto& numbers = meta["optim_numbers"];
  numbers.erase("seconds");
  for (int64 row = 0; row < 3; ++row) numbers.erase(fmt::format("rows/{}", 8 * row + 7));
  std::string all = meta.dump();
  for (const auto& [tensor, value] : file.tensors)
    all += tensor + std::string(reinterpret_cast<const char*>(value.data()),
                                static_cast<size_t>(value.numel()) * sizeof(real));
  return all + dir.read(name + "/model.safetensors") + dir.read(name + "/matrix.csv") +
         dir.read(name + "/curve.svg") + dir.read(name + "/matrix.svg");
}

RunDirectory start(const TempDir& dir, const std::string& name, const ContinualConfig& config) {
  return RunDirectory::create(dir / name, "", "continual", config_json(config), continual_csv_header());
}

TEST_CASE("continual: every method goes on bit for bit, wherever it was cut") {
  const TempDir dir;
  int number = 0;
  for (const std::string& method : small_methods()) {
    CAPTURE(method);
    ContinualConfig config = small_stream(method);
    config.drift = "recurring:batches=4,batch_size=10,periods=2";
    config.save_every = 3;
    const std::string name = fmt::format("run{}", number++);
    ContinualRun whole(config);
    CHECK(whole.train(start(dir, name, config), true, [] { return false; }));
    CHECK(whole.training().matrix().tasks() == 3);
    CHECK(whole.training().drift_accuracies().size() == 2);
    const RunDirectory cut = start(dir, name + "cut", config);
    for (int left : {0, 2, 7, 4, 9}) {
      ContinualRun stage(config);
      if (stage.train(cut, true, [&] { return left-- <= 0; })) break;
    }
    ContinualRun last(config);
    CHECK(last.train(cut, true, [] { return false; }));
    CHECK(finished(dir, name) == finished(dir, name + "cut"));
    CHECK(dir.read(name + "cut/metrics.csv").find("\n3,") != std::string::npos);
  }
}

std::vector<std::vector<double>> accuracies(const ContinualConfig& config) {
  ContinualRun run(config);
  while (run.advance()) {
  }
  return run.training().matrix().rows();
}

TEST_CASE(
    "continual: the first task is learned alike by all that begin plainly; joint keeps, naive forgets") {
  std::vector<std::vector<double>> first;
  ContinualConfig config = small_stream("naive:lr=0.01");
  config.data = "digits:train=300,test=100";
  config.epochs = 8;
  const auto naive = accuracies(config);
  config.method = "joint:lr=0.01";
  const auto joint = accuracies(config);
  config.method = "ewc:lr=0.01,ewc_lambda=0,fisher_rows=5";
  const auto free = accuracies(config);
  config.method = "lwf:lr=0.01,lwf_lambda=0";
  const auto undistilled = accuracies(config);
  CHECK(naive[0][0] == joint[0][0]);
  CHECK(naive[0][0] > 0.9);
  CHECK(naive[2][0] < 0.2);
  CHECK(joint[2][0] > 0.6);
  CHECK(std::isnan(naive[0][1]));  // no outputs for classes to come
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j <= i; ++j) {
      CHECK(naive[i][j] == free[i][j]);
      CHECK(naive[i][j] == undistilled[i][j]);
    }
}

TEST_CASE("continual: scenarios decide what competes and what is known beforehand") {
  ContinualConfig config = small_stream("tag:lr=1e-3");
  config.tasks = "split:classes=2,tasks=3,scenario=task";
  const auto by_task = accuracies(config);
  for (const auto& row : by_task)
    for (const double a : row) CHECK(a >= 0);  // all outputs are there from the start
  config.tasks = "permuted:tasks=2";
  config.method = "naive";
  ContinualRun domain(config);
  while (domain.advance()) {
  }
  CHECK(domain.learner().weights().back().second.shape() == Shape{10});
  CHECK(std::isfinite(domain.training().matrix().at(0, 1)));
  CHECK(std::isfinite(domain.training().baseline()[1]));
  config.tasks = "rotated:tasks=2,scenario=class";
  ContinualRun grown(config);
  while (grown.advance()) {
  }
  CHECK(grown.learner().weights().back().second.shape() == Shape{20});
  // What a method is not for.
  for (const auto& [method, tasks] :
       {std::pair{"foster", "permuted:tasks=2"}, std::pair{"amgc", "rotated:tasks=2"},
        std::pair{"hard-ash", "split:scenario=task"}}) {
    config.method = method;
    config.tasks = tasks;
    CHECK_THROWS_AS(accuracies(config), UsageError);
  }
}

TEST_CASE("continual: the command, its result and what it refuses") {
  const TempDir dir;
  const std::vector<std::string> words{"continual",
                                       "--data",
                                       "digits:train=60,test=20",
                                       "--tasks",
                                       "split:classes=5",
                                       "--method",
                                       "replay:memory=10",
                                       "--epochs",
                                       "1",
                                       "--hidden",
                                       "6",
                                       "--features",
                                       "4",
                                       "--quiet"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = words;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto result = nlohmann::json::parse(run(with({"--json", "--out", dir / "run"})).text);
  CHECK(result["accuracy"].size() == 2);
  CHECK(result["accuracy"][0][1].is_null());
  const double last = (result["accuracy"][1][0].get<double>() + result["accuracy"][1][1].get<double>()) / 2;
  CHECK(result["average_accuracy"].get<double>() == doctest::Approx(last));
  CHECK(result["backward_transfer"].get<double>() ==
        doctest::Approx(result["accuracy"][1][0].get<double>() - result["accuracy"][0][0].get<double>()));
  CHECK(result["forward_transfer"].is_null());
  CHECK(dir.read("run/metrics.csv").starts_with("task,steps,train_loss,"));
  CHECK(dir.read("run/matrix.csv").starts_with("behind_task,task_1,task_2\n1,"));
  CHECK(dir.read("run/matrix.svg").find("<svg") != std::string::npos);
  CHECK(run(with({"--out", dir / "text"})).text.find("behind task 2") != std::string::npos);
  CHECK(run({"continual", "list"}).text.find("hard-ash") != std::string::npos);
  CHECK(run({"continual", "show", "ewc"}).text.find("ewc_lambda") != std::string::npos);
  CHECK(run({"data", "tasks"}).text.find("permuted") != std::string::npos);
  CHECK(run({"data", "drifts", "abrupt"}).text.find("degrees") != std::string::npos);
  const auto complaint = [&](std::vector<std::string> more) {
    try {
      run(std::move(more));
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string("(nothing)");
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const auto given = [&](const char* flag, const char* value) {
    return complaint({"continual", "--quiet", flag, value});
  };
  CHECK(has(given("--method", "fostr"), "did you mean 'foster'"));
  CHECK(has(given("--method", "foster:memry=3"), "memory"));
  CHECK(has(given("--method", "ewc:gamma=2"), "gamma"));
  CHECK(has(given("--tasks", "splt"), "did you mean 'split'"));
  CHECK(has(given("--tasks", "split:tasks=9"), "9 tasks of 2 classes, of 10"));
  CHECK(has(given("--drift", "gradually"), "did you mean 'gradual'"));
  CHECK(has(complaint({"continual", "show", "lfw"}), "did you mean 'lwf'"));
  CHECK(has(complaint({"continual", "--resume", dir / "run", "--method", "naive"}), "method"));
  dir.write("pairs.csv", "a,b,label\n1,2,x\n2,1,y\n1,3,x\n3,1,y\n");
  CHECK_THROWS_AS(
      run({"continual", "--data", "csv:path=" + dir / "pairs.csv", "--quiet", "--out", dir / "none"}),
      UsageError);
  // A run that is over says its result again.
  const auto again =
      nlohmann::json::parse(run({"continual", "--resume", dir / "run", "--json", "--quiet"}).text);
  CHECK(again["accuracy"] == result["accuracy"]);
}

}  // namespace gradus::continual_stream_tests
