// train --loss: Huber's loss by hand, what a loss of one's own has to give, and that a run trains with what it names.
#include "apps/train/losses.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/train/objective.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

const Tensor kOutput = Tensor::from({2, 2}, {0.5, 3, -4, 1});
Batch batch_with_targets() {
  Batch batch;
  batch.x = Tensor::zeros({2, 1});
  batch.index = IntTensor::arange(2);
  batch.targets = Tensor::from({2, 2}, {0, 0, 0, 1});
  return batch;
}

// y = 2 x + noise, in tenths, with a wild target now and then.
std::string line_file(const TempDir& dir) {
  std::string csv = "x,y\n";
  for (int i = 0; i < 200; ++i) csv += fmt::format("{},{}.5\n", i % 10, i % 25 == 0 ? 900 : 2 * (i % 10));
  return "csv:standardize_target=false,path=" + dir.write("line.csv", csv);
}

}  // namespace

TEST_CASE("losses: Huber's by hand, with its slope; squares where delta is large") {
  const Batch batch = batch_with_targets();
  // Residuals 0.5, 3; -4, 0. At delta 2: 0.125, 2*(3 - 1) = 4; 2*(4 - 1) = 6, 0.
  const Tensor z = variable(kOutput.clone());
  const Tensor each = make_loss("huber:delta=2")(z, batch);
  CHECK(each.shape() == Shape{2});
  CHECK(each.data()[0] == doctest::Approx((0.125 + 4) / 2));
  CHECK(each.data()[1] == doctest::Approx(3));
  // r within, delta sign(r) beyond; halved by the mean over two targets.
  const Tensor g = grad(sum(each), {z})[0];
  const std::vector<double> want = {0.25, 1, -1, 0};
  for (size_t i = 0; i < want.size(); ++i) CHECK(g.data()[i] == doctest::Approx(want[i]));
  const Tensor squares = losses_of(Task::kRegression, kOutput, batch);
  const Tensor wide = make_loss("huber:delta=100")(kOutput, batch);
  for (int i = 0; i < 2; ++i) CHECK(2 * wide.data()[i] == doctest::Approx(squares.data()[i]));
  CHECK(loss_of(Task::kRegression, kOutput, batch, {.own = make_loss("huber:delta=2")}).item() ==
        doctest::Approx((2.0625 + 3) / 2));
}

TEST_CASE("losses: names, options, and what a loss of one's own must give") {
  CHECK(make_loss("task") == nullptr);
  CHECK_THROWS_WITH_AS(make_loss("hubre"), doctest::Contains("huber"), UsageError);
  CHECK_THROWS_AS(make_loss("huber:delta=0"), UsageError);
  CHECK_THROWS_AS(make_loss("task:delta=1"), UsageError);
  CHECK_THROWS_AS(make_loss("huber(task)"), UsageError);
  CHECK_THROWS_WITH_AS(make_loss("dpo"), doctest::Contains("pairs"), UsageError);
  CHECK_THROWS_WITH_AS(add_loss({.name = "huber"}), doctest::Contains("there already"), UsageError);
  const Batch batch = batch_with_targets();
  const ClassLoss one{.own = [](const Tensor& output, const Batch&) { return mean(output); }};
  CHECK_THROWS_WITH_AS(losses_of(Task::kRegression, kOutput, batch, one),
                       doctest::Contains("one number for each"), ShapeError);
  CHECK_THROWS_WITH_AS(output_curvature(Task::kRegression, kOutput, batch, one), doctest::Contains("--loss"),
                       UsageError);
}

TEST_CASE(
    "train --loss: half squares at twice the step size are the task's squares; scores stay the task's") {
  const TempDir dir;
  const std::string data = line_file(dir);
  const auto result_of = [&](const std::string& name, const std::string& loss, const std::string& lr) {
    return nlohmann::json::parse(
        run({"train", "--data", data, "--model", "mlp:hidden=4", "--optim", "sgd:lr=" + lr, "--loss", loss,
             "--steps", "20", "--seed", "3", "--quiet", "--json", "--out", dir / name})
            .text);
  };
  const auto task = result_of("task", "task", "0.05"), half = result_of("half", "huber:delta=1e9", "0.1"),
             robust = result_of("robust", "huber:delta=0.1", "0.1");
  const double mse = task["test_mse"];
  CHECK(half["test_mse"].get<double>() == doctest::Approx(mse).epsilon(sizeof(real) == 8 ? 1e-10 : 1e-3));
  CHECK(2 * half["train_loss"].get<double>() ==
        doctest::Approx(task["train_loss"].get<double>()).epsilon(sizeof(real) == 8 ? 1e-10 : 1e-3));
  CHECK(robust["test_loss"].get<double>() == doctest::Approx(robust["test_mse"].get<double>()));
  CHECK(robust["test_mse"].get<double>() != doctest::Approx(mse).epsilon(0.01));
  CHECK(robust["loss"] == "huber:delta=0.1");
  CHECK(!task.contains("loss"));
  const auto settings = nlohmann::json::parse(dir.read("robust/config.json"));
  CHECK(settings.dump().find("huber:delta=0.1") != std::string::npos);
  // The run goes on with its loss: what was cut in two ends where the whole one does.
  CHECK(run({"train", "--resume", dir / "robust", "--steps", "30", "--quiet"}).code == kOk);
  CHECK(complaint({"train", "--resume", dir / "robust", "--loss", "task"}).find("loss") != std::string::npos);
}

TEST_CASE("train --loss: what does not fit is refused; lists and completion know the losses") {
  const TempDir dir;
  const std::vector<std::string> line = {"train", "--quiet", "--steps", "1", "--out", dir / "none"};
  CHECK(complaint(line, {"--loss", "hubre"}).find("huber") != std::string::npos);
  CHECK(complaint(line, {"--loss", "huber:delta=1", "--focal", "2"}).find("--focal") != std::string::npos);
  CHECK(complaint(line, {"--loss", "huber", "--label-smoothing", "0.1"}).find("--label-smoothing") !=
        std::string::npos);
  // Digits have labels, no real targets.
  CHECK(complaint(line, {"--loss", "huber"}).find("real targets") != std::string::npos);
  const std::string list = run({"model", "losses"}).text;
  for (const LossEntry& e : losses()) CHECK(list.find(e.name) != std::string::npos);
  CHECK(run({"model", "losses", "huber"}).text.find("delta") != std::string::npos);
}
