// Evaluated and saved weights have the batch norm statistics that belong to them; the end of a run applies all batches.
#include <doctest/doctest.h>

#include <sstream>

#include "apps/train/trainer.h"
#include "nn/layers/norm.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

TrainConfig small_run(const std::string& optim) {
  TrainConfig config;
  config.data = "digits:train=256,test=64";
  config.model = "resnet8:width=4";
  config.optim = optim;
  config.schedule = "constant";
  config.batch_size = 32;
  config.threads = 1;
  return config;
}

RunDirectory trained_run(const TempDir& dir, const std::string& name, const TrainConfig& config) {
  const RunDirectory run = RunDirectory::create(dir / name, "", config);
  CHECK(Trainer(config).train(run, true));
  return run;
}

// The largest difference between the saved statistics of the first batch norm and those of its inputs over the whole
// training set: the naive sums.
double statistics_error(const std::string& weights, const TrainConfig& config) {
  std::vector<std::string> notes;
  const Data data = open_training_data(config, notes);
  const auto model = make_model(config.model, data_shape(data.info()), Rng(9));
  load_weights(weights, *model);
  const Recording off(false);
  Loader all(data.train, {.batch_size = data.train->size()});
  const Tensor x = model->find("conv1")(input_of(all.make({})));
  const int64 n = x.dim(0), channels = x.dim(1), area = x.dim(2) * x.dim(3);
  auto& norm = dynamic_cast<BatchNorm2d&>(model->find("bn1"));
  double worst = 0;
  for (int64 c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    const auto each = [&](const auto& use) {
      for (int64 i = 0; i < n; ++i)
        for (int64 j = 0; j < area; ++j) use(static_cast<double>(x.data()[(i * channels + c) * area + j]));
    };
    each([&](double v) { sum += v; });
    const double mean = sum / static_cast<double>(n * area);
    each([&](double v) { squares += (v - mean) * (v - mean); });
    const double variance = squares / static_cast<double>(n * area - 1);
    worst = std::max(worst, std::abs(mean - static_cast<double>(norm.running_mean.data()[c])));
    worst = std::max(worst, std::abs(variance - static_cast<double>(norm.running_var.data()[c])));
  }
  return worst;
}

std::vector<std::vector<double>> columns_of(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line, cell;
  std::getline(lines, line);
  std::vector<std::vector<double>> rows;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    auto& row = rows.emplace_back();
    while (std::getline(cells, cell, ',')) row.push_back(cell.empty() ? std::nan("") : std::stod(cell));
  }
  return rows;
}

double largest_gap(const std::string& a, const std::string& b) {
  const TensorFile left = read_safetensors(a), right = read_safetensors(b);
  double worst = 0;
  REQUIRE(left.tensors.size() == right.tensors.size());
  for (const auto& [name, t] : left.tensors)
    for (int64 i = 0; i < t.numel(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(t.data()[i]) -
                                       static_cast<double>(right.get(name, b).data()[i])));
  return worst;
}

}  // namespace

TEST_CASE("averaged weights: saved with the statistics of the training set at these very weights") {
  const TempDir dir;
  for (const std::string optim :
       {"ema(adam):decay=0.9", "lookahead(sgd:lr=0.5):k=8,alpha=0.3", "splus:form=released",
        "companion(ema(muon):decay=0.9|adamw)", "clip-norm(ema(sgd:lr=0.1):decay=0.8)",
        "swa(sgd:lr=0.1):start=3", "lawa(sgd:lr=0.1):window=3", "poly-average(sgd:lr=0.1)",
        "schedule-free(sgd:lr=0.5)", "trac(sgd:lr=0.1):s_prev=0.5", "mechanic(sgd:lr=0.1):s_init=0.5"}) {
    CAPTURE(optim);
    TrainConfig config = small_run(optim);
    config.steps = 8;
    config.eval_every = 4;
    const RunDirectory run = trained_run(dir, std::to_string(std::hash<std::string>{}(optim)), config);
    CHECK(statistics_error(run.file("model.safetensors"), config) < 1e-4);
    CHECK(statistics_error(run.file("best.safetensors"), config) < 1e-4);
    // The file scores what the run has reported.
    const auto rows = columns_of(dir.read(std::to_string(std::hash<std::string>{}(optim)) + "/metrics.csv"));
    REQUIRE(rows.size() == 2);
    const auto score = nlohmann::json::parse(gradus::tests::run({"eval", run.path(), "--json"}).text);
    CHECK(score.at("test_loss").get<double>() == doctest::Approx(rows[1][5]).epsilon(1e-6));
    CHECK(score.at("test_accuracy").get<double>() == doctest::Approx(rows[1][6]));
  }
  // The statistics of training passes are others: the test bites.
  TrainConfig plain = small_run("adam");
  plain.steps = 8;
  CHECK(statistics_error(trained_run(dir, "plain", plain).file("model.safetensors"), plain) > 1e-2);
}

TEST_CASE("averaged weights: the trained ones, and their statistics, are not touched by evaluations") {
  const TempDir dir;
  TrainConfig config = small_run("adam");
  config.steps = 8;
  const RunDirectory plain = trained_run(dir, "plain", config);
  config.ema = 0.9;
  config.eval_every = 2;
  const RunDirectory mean = trained_run(dir, "mean", config);
  const auto exported = [&](const RunDirectory& run, const std::string& which) {
    const std::string out = run.path() + "-" + which + ".safetensors";
    CHECK(gradus::tests::run({"export", run.path(), out, "--weights", which}).code == kOk);
    return out;
  };
  CHECK(largest_gap(exported(mean, "trained"), plain.file("model.safetensors")) == 0);
  CHECK(largest_gap(exported(mean, "ema"), mean.file("model.safetensors")) == 0);
  CHECK(largest_gap(exported(mean, "ema"), exported(mean, "trained")) > 1e-2);
}

TEST_CASE("averaged weights: their test accuracy is that of a trained network" *
          doctest::test_suite("slow")) {
  const TempDir dir;
  TrainConfig config = small_run("adam");
  config.data = "digits:train=3000,test=1000";
  config.validation = 0;
  config.model = "resnet8:width=8";
  config.epochs = 3;
  config.ema = 0.98;
  config.seed = 1;
  trained_run(dir, "run", config);
  const auto rows = columns_of(dir.read("run/metrics.csv"));
  REQUIRE(rows.size() == 3);
  // Statistics of the test images themselves, a thousand at once, need no estimate: they give nearly the same score. (With
  // the running statistics of the trained weights it is near chance in the first epochs.)
  const auto scored = nlohmann::json::parse(
      gradus::tests::run({"eval", dir / "run", "--train-mode", "--batch-size", "1000", "--json"}).text);
  CHECK(std::abs(scored.at("test_accuracy").get<double>() - rows[2][6]) < 0.02);
  CHECK(rows[2][6] > 0.88);
}

TEST_CASE(
    "accumulate(...): batches left at the end of a run are in the weights it saves, not in its checkpoint") {
  const TempDir dir;
  TrainConfig config = small_run("accumulate(sgd:lr=0.1):steps=4");
  config.model = "mlp:hidden=8";
  config.steps = 3;
  const RunDirectory left = trained_run(dir, "left", config);
  // One step of three batches, as --accumulate makes it.
  TrainConfig whole = config;
  whole.optim = "sgd:lr=0.1";
  whole.accumulate = 3;
  whole.steps = 1;
  const RunDirectory once = trained_run(dir, "once", whole);
  CHECK(largest_gap(left.file("model.safetensors"), once.file("model.safetensors")) < 1e-6);
  TrainConfig start = config;
  start.steps = 0;
  CHECK(largest_gap(left.file("model.safetensors"),
                    trained_run(dir, "start", start).file("model.safetensors")) > 1e-3);
  // What goes on goes on as if it had never ended: a step of four batches, another of four.
  config.steps = 8;
  CHECK(Trainer(config).train(left, true));
  const RunDirectory eight = trained_run(dir, "eight", config);
  CHECK(dir.read("left/model.safetensors") == dir.read("eight/model.safetensors"));
}

TEST_CASE("train: metrics have the step size that was used, first to last") {
  const TempDir dir;
  TrainConfig config = small_run("adam:lr=1");
  config.model = "mlp:hidden=4";
  config.schedule = "one-cycle:rise=0.3";
  config.steps = 10;
  config.eval_every = 1;
  trained_run(dir, "run", config);
  const auto rows = columns_of(dir.read("run/metrics.csv"));
  REQUIRE(rows.size() == 10);
  CHECK(rows[0][2] == doctest::Approx(0.04));
  CHECK(rows[1][2] == doctest::Approx(0.52));
  CHECK(rows[2][2] == doctest::Approx(1));
  CHECK(rows[9][2] == doctest::Approx(4e-6));
}

TEST_CASE("train --schedule plateau: watches the test loss, or with mode=max the accuracy; resumes") {
  const TempDir dir;
  for (const bool max : {false, true}) {
    CAPTURE(max);
    TrainConfig config = small_run("sgd:lr=0.2");
    config.model = "mlp:hidden=16";
    config.schedule =
        fmt::format("plateau:patience=1,factor=0.5,threshold=0.02,mode={}", max ? "max" : "min");
    config.batch_size = 16;
    config.steps = 24;
    config.eval_every = 1;
    const std::string name = max ? "max" : "min";
    trained_run(dir, name, config);
    const auto rows = columns_of(dir.read(name + "/metrics.csv"));
    REQUIRE(rows.size() == 24);
    double scale = 1, best = max ? -INFINITY : INFINITY;
    int bad = 0, falls = 0;
    for (const auto& row : rows) {
      CHECK(row[2] == doctest::Approx(0.2 * scale));
      const double seen = max ? row[6] : row[5];
      const bool better = std::isinf(best) || (max ? seen > best * 1.02 : seen < best * 0.98);
      if (better) best = seen, bad = 0;
      if (!better && ++bad > 1) scale *= 0.5, bad = 0, ++falls;
    }
    CHECK(falls > 0);
    // Stopped on the way and resumed: the same bytes.
    const RunDirectory parts = RunDirectory::create(dir / (name + "-parts"), "", config);
    int questions = 13;
    CHECK_FALSE(Trainer(config).train(parts, true, [&] { return questions-- <= 0; }));
    CHECK(Trainer(config).train(parts, true));
    CHECK(dir.read(name + "-parts/model.safetensors") == dir.read(name + "/model.safetensors"));
  }
  TrainConfig regression = small_run("adam");
  regression.model = "autoencoder";
  regression.schedule = "plateau:mode=max";
  CHECK_THROWS_WITH_AS(Trainer{regression}, doctest::Contains("watches the accuracy"), UsageError);
}
