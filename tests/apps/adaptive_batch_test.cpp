// --batch-size adaptive: sizes by the test, the loader's units, resuming, refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/train/batch_size.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/loader.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::adaptive_batch_tests {

TrainConfig growing() {
  TrainConfig config;
  config.data = "digits:train=120,test=16";
  config.model = "lenet:conv1=2,conv2=3,hidden=8,dropout=0";
  config.optim = "adagrad:lr=0.05";
  config.schedule = "cosine";
  config.batch_size.text = "adaptive:first=4,most=32,eta=0.9,interval=2";
  config.epochs = 3;
  config.validation = 0;
  config.seed = 3;
  config.threads = threads();
  return config;
}

struct Line {
  int64 step, examples, size;
  std::string wanted;
};
std::vector<Line> sizes_of(const TempDir& dir, const std::string& name) {
  std::istringstream lines(dir.read(name + "/batch_sizes.csv"));
  std::vector<Line> all;
  std::string line;
  std::getline(lines, line);
  CHECK(line == "step,examples,batch_size,wanted");
  while (std::getline(lines, line)) {
    Line l{};
    char comma = 0;
    std::istringstream in(line);
    in >> l.step >> comma >> l.examples >> comma >> l.size >> comma >> l.wanted;
    all.push_back(l);
  }
  return all;
}

TEST_CASE("adaptive batches: sizes follow the test, never shrink, and an epoch's examples are all seen") {
  const TempDir dir;
  const TrainConfig config = growing();
  const RunDirectory run = RunDirectory::create(dir / "run", "run", config);
  Trainer trainer(config);
  REQUIRE(trainer.train(run, true, [] { return false; }));
  const std::vector<Line> lines = sizes_of(dir, "run");
  REQUIRE(!lines.empty());
  CHECK(lines.front().size == 4);
  CHECK(trainer.state().examples == 3 * 120);
  int64 seen = 0, grown = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i].step == static_cast<int64>(i) + 1);
    CHECK(lines[i].examples == seen);
    seen += std::min(lines[i].size, 120 - seen % 120);
    if (i == 0) continue;
    const Line& before = lines[i - 1];
    // Steps 1, 3, ... (counted from 1) are tested.
    CHECK(before.wanted.empty() == (before.step % 2 == 0 || before.size >= 32));
    const int64 expected =
        before.wanted.empty() ? before.size : grown_batch_size(before.size, std::stod(before.wanted), 32);
    CHECK(lines[i].size == expected);
    grown += lines[i].size > before.size;
  }
  CHECK(grown > 0);
  CHECK(trainer.result("").at("last_batch_size").get<int64>() >= lines.back().size);
}

TEST_CASE("adaptive batches: the spread of a model is that of its examples' gradients") {
  for (const char* model : {"lenet:conv1=2,conv2=3,hidden=8,dropout=0", "mlp:hidden=6"}) {
    CAPTURE(model);
    TrainConfig config = growing();
    config.model = model;
    Trainer trainer(config);
    std::vector<std::string> notes;
    const Loader loader(open_training_data(config, notes).train, {.batch_size = 7, .prefetch = 0});
    const Parameters parameters = trainer.model().parameters();
    // In two parts: sums over all of them.
    const Batch batch = loader.make({});
    ModelObjective objective(trainer.model(), parameters, {rows_of(batch, 0, 3), rows_of(batch, 3, 7)});
    objective.gradient();
    const GradientSpread found = objective.spread(true);
    const std::vector<Tensor> each = objective.per_sample_gradients();
    int64 count = 0;
    for (const Tensor& g : each) count += g.numel() / 7;
    Tensor all({7, count});
    int64 at = 0;
    for (const Tensor& g : each) {
      const int64 size = g.numel() / 7;
      for (int64 i = 0; i < 7; ++i)
        for (int64 j = 0; j < size; ++j) all.mutable_data()[i * count + at + j] = g.data()[i * size + j];
      at += size;
    }
    const GradientSpread exact = gradient_spread(all);
    CHECK(found.examples == 7);
    CHECK(found.grad_norm_squared == doctest::Approx(exact.grad_norm_squared).epsilon(1e-4));
    CHECK(found.variance == doctest::Approx(exact.variance).epsilon(1e-4));
    CHECK(found.inner_product_variance == doctest::Approx(exact.inner_product_variance).epsilon(1e-3));
    CHECK(found.orthogonal_variance == doctest::Approx(exact.orthogonal_variance).epsilon(1e-3));
    CHECK(objective.spread(false).variance == doctest::Approx(exact.variance).epsilon(1e-4));
  }
}

// Everything that decides how a run goes on, but the clock.
std::string ending(const TempDir& dir, const std::string& name) {
  const TensorFile checkpoint = read_safetensors(dir / (name + "/checkpoint.safetensors"));
  auto state = nlohmann::json::parse(checkpoint.metadata.at("gradus_checkpoint"));
  state["state"].erase("seconds");
  std::string all =
      state.dump() + dir.read(name + "/batch_sizes.csv") + dir.read(name + "/model.safetensors");
  for (const auto& [tensor, value] : checkpoint.tensors)
    all += tensor + std::string(reinterpret_cast<const char*>(value.data()),
                                static_cast<size_t>(value.numel()) * sizeof(real));
  return all;
}

TEST_CASE(
    "adaptive batches and parametrisations: a run that is stopped and resumed ends as one that was not") {
  const TempDir dir;
  for (const char* param : {"mup:base=8", "conditioned:mode=row,fixed=true"}) {
    CAPTURE(param);
    TrainConfig config = growing();
    config.param = param;
    config.model = "mlp:hidden=16-16";
    config.optim = "adamw:lr=0.01";
    const std::string stem = std::string(param).substr(0, 3);
    const auto train = [&](const std::string& name, std::vector<int> stages) {
      const RunDirectory run = RunDirectory::create(dir / name, name, config);
      for (int left : stages) {
        Trainer trainer(config);
        const bool ended = trainer.train(run, true, [&] { return left-- <= 0; });
        CHECK(ended == (left >= 0));
      }
      return ending(dir, name);
    };
    const std::string whole = train(stem + "-whole", {1 << 30});
    CHECK(train(stem + "-cut", {1, 2, 5, 1 << 30}) == whole);
  }
}

TEST_CASE("adaptive batches: the loader hands out several units as one batch") {
  std::vector<std::string> notes;
  TrainConfig config = growing();
  const DatasetPtr data = open_training_data(config, notes).train;
  for (const int64 prefetch : {0, 2}) {
    Loader units(data, {.batch_size = 1, .shuffle = true, .seed = 4, .prefetch = prefetch}),
        plain(data, {.batch_size = 120, .shuffle = true, .seed = 4, .prefetch = 0});
    Batch all, part;
    plain.next(all);
    std::vector<int64> seen;
    for (const int64 size : {3, 5, 5, 50, 100}) {
      REQUIRE(units.next(part, size));
      for (const int64 i : part.index.span()) seen.push_back(i);
    }
    CHECK(part.size() == 57);
    CHECK(seen == all.index.values());
    CHECK(units.position() == DataPosition{1, 0});
    CHECK(!units.next(part, 4));
    CHECK(units.next(part, 4));
    CHECK(part.size() == 4);
    units.seek({1, 2});
    Batch again;
    units.next(again, 2);
    CHECK(again.index.values() == std::vector<int64>{part.index[2], part.index[3]});
    CHECK_THROWS_AS(units.next(part, 0), UsageError);
  }
}

TEST_CASE("adaptive batches: words and numbers, refusals") {
  CHECK(static_cast<int64>(BatchSize(17)) == 17);
  BatchSize size;
  CHECK(static_cast<int64>(size) == 64);
  CHECK_THROWS_AS(size.rule(), UsageError);
  size.text = "adaptive";
  CHECK(static_cast<int64>(size) == 8);
  size.text = "adaptive:first=16,most=64,test=augmented,theta=0.3";
  CHECK(size.rule().most == 64);
  CHECK(size.rule().theta == 0.3);
  const auto refused = [](const std::vector<std::string>& more) {
    std::vector<std::string> line = {"train", "--quiet", "--data", "digits:train=64,test=16"};
    line.insert(line.end(), more.begin(), more.end());
    try {
      run(line);
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  CHECK(refused({"--batch-size", "0"}).find("--batch-size") != std::string::npos);
  CHECK(refused({"--batch-size", "many"}).find("--batch-size") != std::string::npos);
  CHECK(refused({"--batch-size", "adaptive:frist=4"}).find("did you mean 'first'") != std::string::npos);
  CHECK(refused({"--batch-size", "adaptive:first=40,most=4"}).find("less than first") != std::string::npos);
  CHECK(refused({"--batch-size", "adaptive:test=coordinatewise"}).find("augmented") != std::string::npos);
  CHECK(refused({"--batch-size", "adaptive", "--steps", "4"}).find("--epochs") != std::string::npos);
  CHECK(refused({"--batch-size", "adaptive", "--accumulate", "2"}).find("--accumulate") != std::string::npos);
  CHECK(refused({"--batch-size", "adaptive", "--model", "resnet8:width=2", "--epochs", "1"})
            .find("single examples") != std::string::npos);
  const TempDir dir;
  const auto printed =
      nlohmann::json::parse(run({"train", "--batch-size", "adaptive:first=4", "--print-config"}).text);
  CHECK(printed.at("batch_size") == "adaptive:first=4");
  CHECK(nlohmann::json::parse(run({"train", "--batch-size", "32", "--print-config"}).text).at("batch_size") ==
        32);
}

}  // namespace gradus::adaptive_batch_tests
