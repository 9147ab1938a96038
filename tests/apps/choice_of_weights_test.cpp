// Which weights are best: held-out examples, --metric, early stopping; what train and eval say of scores.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/train/checkpoint.h"
#include "apps/train/run_summary.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

using Words = std::vector<std::string>;

Words line(const Words& more) {
  Words words = {"--data",       "digits:train=400,test=100",
                 "--model",      "mlp:hidden=12",
                 "--optim",      "adam:lr=0.02",
                 "--epochs",     "4",
                 "--batch-size", "32"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

nlohmann::json result_of(const TempDir& dir, const std::string& name, const Words& more) {
  Words words = line(more);
  words.insert(words.begin(), {"train", "--quiet", "--json", "--out", dir / name});
  return nlohmann::json::parse(run(words).text);
}

std::string notes_of(const TrainConfig& config) {
  std::string all;
  const Trainer trainer(config);
  for (const std::string& note : trainer.notes()) all += note + "\n";
  return all;
}

}  // namespace

TEST_CASE("train: by default the best weights are those of a tenth of the training examples, which is said") {
  const TempDir dir;
  const auto result = result_of(dir, "run", {});
  const RunSummary summary = summarize(dir / "run");
  REQUIRE(summary.rows.size() == 4);
  CHECK(result.at("steps") == 48);  // 12 batches of 360 examples an epoch
  double best = 0;
  int64 step = 0;
  for (const MetricsRow& row : summary.rows) {
    CHECK(row.score == row.validation_accuracy);
    CHECK(row.validation_accuracy * 40 == doctest::Approx(std::round(row.validation_accuracy * 40)));
    if (row.score > best) best = row.score, step = row.step;
  }
  CHECK(summary.best->step == step);
  CHECK(summary.validated);
  const auto& said = result.at("best");
  CHECK(said.at("step") == step);
  CHECK(said.at("metric") == "accuracy");
  CHECK(said.at("on") == "validation");
  CHECK(said.at("validation_accuracy") == best);
  CHECK(said.at("test_accuracy") == summary.best->test_accuracy);
  CHECK(result.at("test_accuracy") == summary.last->test_accuracy);
  // best.safetensors are these weights.
  const auto eval = nlohmann::json::parse(run({"eval", dir / "run", "--weights", "best", "--json"}).text);
  CHECK(eval.at("test_accuracy") == said.at("test_accuracy"));
  CHECK(eval.at("test_loss").get<double>() == doctest::Approx(said.at("test_loss").get<double>()));

  TrainConfig config;
  config.data = "digits:train=400,test=100";
  config.model = "mlp:hidden=4";
  CHECK(notes_of(config).find(
            "the best weights are chosen by accuracy on 40 of the 400 training examples, held out "
            "(--validation 0 trains on all, and the test set decides)") != std::string::npos);
  config.metric = "f1";
  config.validation = 0.25;
  CHECK(notes_of(config).find("by f1 on 100 of the 400") != std::string::npos);
  config.validation = 0;
  CHECK(notes_of(config).find("chosen by f1 on the test set\n") != std::string::npos);
  config.validation = 0.05;
  CHECK(notes_of(config).find("on the test set: of 400 training examples too few would be held out") !=
        std::string::npos);
  config.data = "digits:train=64,test=100";
  config.validation = 0.1;
  CHECK(Trainer(config).validation() == nullptr);
}

TEST_CASE("train --validation 0: all examples are trained on and the test set decides") {
  const TempDir dir;
  const auto result = result_of(dir, "run", {"--validation", "0"});
  CHECK(result.at("steps") == 52);  // 13 batches of 400
  CHECK_FALSE(result.contains("validation_loss"));
  CHECK(result.at("best").at("on") == "test");
  for (const MetricsRow& row : summarize(dir / "run").rows) {
    CHECK(row.score == row.test_accuracy);
    CHECK(std::isnan(row.validation_loss));
  }
  CHECK_THROWS_AS(run({"train", "--validation", "1", "--quiet"}), UsageError);
  CHECK_THROWS_WITH_AS(run({"train", "--resume", dir / "run", "--validation", "0.5", "--quiet"}),
                       doctest::Contains("--validation cannot be changed"), UsageError);
}

TEST_CASE("train --metric: decides best and early stopping; a score that the task has not is refused") {
  const TempDir dir;
  const auto result = result_of(dir, "run", {"--metric", "f1"});
  const RunSummary summary = summarize(dir / "run");
  double best = 0;
  for (const MetricsRow& row : summary.rows) best = std::max(best, row.score);
  CHECK(result.at("best").at("metric") == "f1");
  CHECK(result.at("best").at("validation_f1").get<double>() == doctest::Approx(best));
  CHECK(summary.best->score == best);
  // The least loss is best: its weights, and not those of the last row.
  const auto loss = result_of(dir, "loss", {"--metric", "loss", "--optim", "adam:lr=0.1", "--epochs", "12"});
  const RunSummary by_loss = summarize(dir / "loss");
  double least = INFINITY;
  for (const MetricsRow& row : by_loss.rows) least = std::min(least, row.validation_loss);
  CHECK(loss.at("best").at("validation_loss").get<double>() == doctest::Approx(least));
  CHECK(by_loss.best->validation_loss == least);
  // A step of nothing is never better.
  const auto stopped = result_of(
      dir, "stopped", {"--metric", "calibration_error", "--optim", "sgd:lr=1e-30", "--early-stop", "2"});
  CHECK(stopped.at("stopped_early") == true);
  CHECK(stopped.at("epochs") == doctest::Approx(3));
  CHECK_THROWS_WITH_AS(run({"train", "--metric", "r2", "--quiet", "--steps", "1"}),
                       doctest::Contains("classification has none; it has: loss, accuracy"), UsageError);
  CHECK_THROWS_WITH_AS(run({"train", "--metric", "f2", "--quiet"}), doctest::Contains("f1"), UsageError);
}

TEST_CASE("train and eval: scores of all classes and their confusions, the same in both, in text and JSON") {
  const TempDir dir;
  const auto result = result_of(dir, "run", {});
  const auto eval = nlohmann::json::parse(run({"eval", dir / "run", "--json"}).text);
  for (const char* key : {"test_accuracy", "test_top5", "test_precision", "test_recall", "test_f1"})
    CHECK(eval.at(key).get<double>() == doctest::Approx(result.at(key).get<double>()));
  CHECK(eval.at("confusion") == result.at("confusion"));
  // All of it follows from the confusions.
  int64 all = 0, right = 0;
  double f1 = 0;
  for (size_t c = 0; c < 10; ++c) {
    int64 support = 0, taken = 0;
    for (size_t k = 0; k < 10; ++k) {
      support += eval["confusion"][c][k].get<int64>();
      taken += eval["confusion"][k][c].get<int64>();
    }
    const auto own = eval["confusion"][c][c].get<int64>();
    all += support, right += own;
    CHECK(eval["classes"][c]["support"] == support);
    f1 += 2.0 * static_cast<double>(own) / static_cast<double>(support + taken) / 10;
  }
  CHECK(all == 100);
  CHECK(eval.at("test_accuracy").get<double>() == doctest::Approx(static_cast<double>(right) / 100));
  CHECK(eval.at("test_f1").get<double>() == doctest::Approx(f1));
  const std::string text = run({"eval", dir / "run"}).text;
  for (const char* part : {"calibration error", "class  support  precision", "true \\ said", "mean"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  // A run that had ended says the same again.
  const auto again = nlohmann::json::parse(run({"train", "--resume", dir / "run", "--quiet", "--json"}).text);
  CHECK(again.at("confusion") == result.at("confusion"));
  CHECK(again.at("best") == result.at("best"));
  const std::string table = run({"train", "--resume", dir / "run", "--quiet"}).text;
  CHECK(table.find("best ") != std::string::npos);
  CHECK(table.find("true \\ said") != std::string::npos);
}

TEST_CASE("train: regressions and texts have their own scores") {
  const TempDir dir;
  std::string csv = "x,y\n";
  for (int i = 0; i < 400; ++i) csv += fmt::format("{},{}\n", i % 10, 0.5 + 2 * (i % 10));
  dir.write("line.csv", csv);
  trained(dir, "line",
          {"--data", "csv:path=" + dir / "line.csv", "--model", "mlp:hidden=8", "--epochs", "3"});
  const auto eval = nlohmann::json::parse(run({"eval", dir / "line", "--json"}).text);
  // The loss is that of standardised targets, the errors are in units of y.
  const double deviation = read_origin(dir / "line/model.safetensors").data->target_std.at(0);
  CHECK(deviation == doctest::Approx(2 * std::sqrt(8.25)).epsilon(0.05));
  CHECK(eval.at("test_mse").get<double>() ==
        doctest::Approx(deviation * deviation * eval.at("test_loss").get<double>()));
  CHECK(eval.at("test_rmse").get<double>() == doctest::Approx(std::sqrt(eval.at("test_mse").get<double>())));
  CHECK(eval.at("test_mae").is_number());
  CHECK(eval.at("test_r2").get<double>() < 1);
  CHECK(summarize(dir / "line").metric == "loss");
  std::string play;
  for (int i = 0; i < 300; ++i) play += "to be, or not to be\n";
  dir.write("play.txt", play);
  trained(dir, "play",
          {"--data", "text:path=" + dir / "play.txt", "--model", "gpt:block=8,dim=16,layers=1,heads=2",
           "--steps", "3"});
  const auto text = nlohmann::json::parse(run({"eval", dir / "play", "--json"}).text);
  CHECK(text.at("test_bits_per_character").get<double>() ==
        doctest::Approx(text.at("test_loss").get<double>() / std::log(2.0)));
  CHECK(std::isfinite(summarize(dir / "play").last->validation_loss));
}

TEST_CASE(
    "train --class-weights --sampler --focal: what is asked for is trained with; else unbalanced classes are "
    "said") {
  const TempDir dir;
  std::string csv = "x,label\n";
  for (int i = 0; i < 420; ++i)
    csv += fmt::format("{},{}\n", (i * 37 % 100) / 10.0, i % 21 ? "common" : "rare");
  dir.write("t.csv", csv);
  TrainConfig config;
  config.data = "csv:path=" + dir / "t.csv";
  config.model = "mlp:hidden=4";
  CHECK(notes_of(config).find("the classes are unbalanced, 1:") != std::string::npos);
  config.class_weights = "rare=20";
  CHECK(notes_of(config).find("unbalanced") == std::string::npos);
  config.class_weights = "rarer=20";
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("--class-weights"), UsageError);
  config.class_weights = "";
  config.sampler = "balanced";
  config.shuffle = false;
  CHECK_THROWS_WITH_AS(Trainer{config}, doctest::Contains("--no-shuffle"), UsageError);
  const auto recall = [&](const std::string& name, const Words& more) {
    Words words = {"--data",   config.data, "--model", "mlp:hidden=4",
                   "--epochs", "6",         "--optim", "adam:lr=0.01"};
    words.insert(words.end(), more.begin(), more.end());
    trained(dir, name, words);
    const auto eval = nlohmann::json::parse(run({"eval", dir / name, "--json"}).text);
    return eval.at("classes").at(1).at("recall").get<double>();
  };
  // The rare class cannot be told by x: whoever weighs it alike must say it for about half of all, else for none.
  CHECK(recall("plain", {}) == 0);
  CHECK(recall("weights", {"--class-weights", "rare=1000"}) == 1);
  const auto differ = [&](const std::string& name, const Words& more) {
    recall(name, more);
    return dir.read(name + "/model.safetensors") != dir.read("plain/model.safetensors");
  };
  CHECK(differ("balanced", {"--class-weights", "balanced"}));
  CHECK(differ("sampler", {"--sampler", "balanced"}));
  CHECK(differ("focal", {"--focal", "2"}));
  // A stopped run with a sampler goes on as if it had not been.
  CHECK(run({"train", "--resume", dir / "sampler", "--epochs", "8", "--quiet"}).code == kOk);
  recall("whole", {"--sampler", "balanced", "--epochs", "8", "--schedule", "constant"});
  for (const Words& words :
       {Words{"--class-weights", "balanced"}, Words{"--sampler", "balanced"}, Words{"--focal", "2"}}) {
    std::string numbers = "x,y\n";
    for (int i = 0; i < 40; ++i) numbers += fmt::format("{},{}.5\n", i, i);
    Words all = {"train", "--quiet", "--data", "csv:path=" + dir.write("r.csv", numbers), "--steps", "1"};
    all.insert(all.end(), words.begin(), words.end());
    CHECK_THROWS_WITH_AS(run(all), doctest::Contains("is for classifiers"), UsageError);
  }
}
