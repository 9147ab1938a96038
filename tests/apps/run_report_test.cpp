// gradus report and gradus compare on small runs; the counts of predictions by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/commands/run_results.h"
#include "apps/train/predictions.h"
#include "apps/train/run_summary.h"
#include "core/error.h"
#include "tests/apps/in_process.h"
#include "tests/apps/markup_check.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

std::string digits_run(const TempDir& dir, const std::string& name, const std::string& optim = "adam") {
  return trained(
      dir, name,
      {"--data", "digits:train=128,test=64", "--model", "mlp:hidden=8", "--optim", optim, "--epochs", "3"});
}

// All numbers of the confusion matrix on a page.
std::vector<int> matrix_counts(const std::string& page) {
  const std::string table = between(page, "<table class=\"grid-table\">", "</table>");
  std::vector<int> counts;
  const std::string body = between(table, "<tbody>", "</tbody>");
  for (size_t at = body.find("<td"); at != std::string::npos; at = body.find("<td", at + 1)) {
    const size_t begin = body.find('>', at) + 1;
    const std::string text = body.substr(begin, body.find('<', begin) - begin);
    counts.push_back(text.empty() ? 0 : std::stoi(text));
  }
  return counts;
}

}  // namespace

TEST_CASE("predictions: counts, recall and the most confident mistakes of hand-made logits") {
  Batch batch;
  batch.y = IntTensor::from({5}, {0, 1, 2, 1, 0});
  batch.index = IntTensor::from({5}, {10, 11, 12, 13, 14});
  // Right, taken for 0 with 3/4, right, taken for 2 with nearly 1, a tie that goes to the first class: right.
  const real three = static_cast<real>(std::log(6.0));
  const Tensor logits = Tensor::from({5, 3}, {1, 0, 0, three, 0, 0, 0, 0, 2, 0, 0, 20, 1, 1, 0});
  Predictions p(3, 1);
  p.add(batch, logits);
  CHECK(p.examples() == 5);
  CHECK(p.correct() == 3);
  CHECK(p.count(1, 0) == 1);
  CHECK(p.count(1, 2) == 1);
  CHECK(p.count(1, 1) == 0);
  CHECK(p.of_class(1) == 2);
  CHECK(p.taken_for(0) == 3);
  REQUIRE(p.mistakes().size() == 1);  // as many as asked for
  CHECK(p.mistakes()[0].index == 13);
  Predictions more(3);
  more.add(batch, logits);
  REQUIRE(more.mistakes().size() == 2);
  CHECK(more.mistakes()[1].index == 11);
  CHECK(more.mistakes()[1].probability == doctest::Approx(0.75));
  CHECK(more.mistakes()[1].of_label == doctest::Approx(0.125));
  REQUIRE(more.confusions(9).size() == 2);
  CHECK(more.confusions(1)[0].predicted == 0);
  CHECK_THROWS_AS(Predictions(4).add(batch, logits), ShapeError);
  // More classes than a matrix has room for: the pairs alone.
  Predictions wide(30);
  Batch one;
  one.y = IntTensor::from({1}, {29});
  one.index = IntTensor::from({1}, {0});
  wide.add(one, Tensor::zeros({1, 30}));
  const std::string pairs = confusion_tables(wide, {.classes = 30}).str();
  CHECK(pairs.find("grid-table") == std::string::npos);
  CHECK(pairs.find("100.0 %") != std::string::npos);
  CHECK(pairs.find("alt=\"confusion matrix of 30 classes\" width=\"300\"") != std::string::npos);
}

TEST_CASE(
    "report: a classifier's page has its curves, the confusion matrix that eval counts, mistakes as images") {
  const TempDir dir;
  const std::string path = digits_run(dir, "first");
  const auto said = nlohmann::json::parse(run({"report", path, "--json"}).text);
  CHECK(said["file"] == path + "/report.html");
  CHECK(said["missing"].empty());
  const std::string page = dir.read("first/report.html");
  CHECK(said["bytes"] == page.size());
  CHECK(markup_problem(page) == "");
  const auto eval = nlohmann::json::parse(run({"eval", path, "--json"}).text);
  const std::vector<int> counts = matrix_counts(page);
  REQUIRE(counts.size() == 100);
  int all = 0, right = 0;
  for (size_t i = 0; i < 100; ++i) all += counts[i], right += i % 11 == 0 ? counts[i] : 0;
  CHECK(all == 64);
  CHECK(right / 64.0 == doctest::Approx(eval["test_accuracy"].get<double>()));
  CHECK(occurrences(page, "data:image/png;base64,") == std::min(24, all - right));
  CHECK(occurrences(page, "<svg ") == 3);  // loss, accuracy, lr
  CHECK(page.find("<caption>rows: the true class") != std::string::npos);
  CHECK(occurrences(page,
                    "mlp:hidden=8,act=relu,dropout=0,norm=none on an example of shape (1, 1, 28, 28)") == 1);
  for (const char* part :
       {"3 epochs", "--data digits:train=128,test=64", "<code>Linear(784, 8)</code>", "finished"}) {
    CAPTURE(part);
    CHECK(page.find(part) != std::string::npos);
  }
  CHECK(run({"report", path, "--out", dir / "x.html", "--no-scores"}).code == kOk);
  CHECK(dir.read("x.html").find("Confusion") == std::string::npos);
  CHECK_THROWS_AS(run({"report", path, "--out", dir / "no/such.html"}), DataError);
  CHECK_THROWS_AS(run({"report", dir / "nothing"}), DataError);
  CHECK_THROWS_WITH_AS(run({"report", path, "--limits", "3"}), doctest::Contains("--limit"), UsageError);
}

TEST_CASE("report: runs without weights, without data, without rows, and damaged ones") {
  const TempDir dir;
  const std::string path = digits_run(dir, "r");
  const auto page = [&] {
    CHECK(run({"report", path}).code == kOk);
    const std::string text = dir.read("r/report.html");
    CHECK(markup_problem(text) == "");
    return text;
  };
  fs::remove(path + "/model.safetensors");
  std::string text = page();
  CHECK(text.find("scores are those of best.safetensors") != std::string::npos);
  CHECK(text.find("3 of 3 epochs") != std::string::npos);
  CHECK(matrix_counts(text).size() == 100);
  dir.write("r/best.safetensors", "damaged");
  text = page();
  CHECK(text.find("no weights: ") != std::string::npos);
  CHECK(text.find("Settings") != std::string::npos);
  fs::remove(path + "/best.safetensors");
  CHECK(page().find("There are no weights yet") != std::string::npos);
  // A last line that was cut off is left out, any other is an error that names it.
  const std::string rows = dir.read("r/metrics.jsonl");
  dir.write("r/metrics.jsonl", rows + "{\"step\":");
  CHECK(summarize(path).rows.size() == 3);
  dir.write("r/metrics.jsonl", rows + "{\"step\":\n");
  CHECK_THROWS_WITH_AS(run({"report", path}), doctest::Contains("metrics.jsonl: line 4"), DataError);
  dir.write("r/metrics.jsonl", "");
  CHECK(page().find("has not been evaluated yet") != std::string::npos);
}

TEST_CASE("report: a language model has bits per character and a sample, a regression its errors") {
  const TempDir dir;
  std::string play;
  for (int i = 0; i < 60; ++i) play += "to be, or not to be\n";
  const std::string text = trained(
      dir, "text",
      {"--data", "text:path=" + dir.write("play.txt", play), "--model", "gpt:block=8,dim=16,layers=1,heads=2",
       "--steps", "6", "--eval-every", "3", "--batch-size", "4", "--log-grad-norms"});
  CHECK(run({"report", text}).code == kOk);
  std::string page = dir.read("text/report.html");
  CHECK(markup_problem(page) == "");
  const auto eval = nlohmann::json::parse(run({"eval", text, "--json"}).text);
  CHECK(page.find(fmt::format("bits per character</th><td>{:.4g}", eval["bits_per_token"].get<double>())) !=
        std::string::npos);
  CHECK(page.find("id=\"sample\"") != std::string::npos);
  CHECK(page.find("Norm of the batch&#39;s gradient") != std::string::npos);
  CHECK(read_grad_norms(text).size() == 6);
  // Its data gone, layers and sample are still there.
  fs::remove(dir / "play.txt");
  CHECK(run({"report", text}).code == kOk);
  page = dir.read("text/report.html");
  CHECK(markup_problem(page) == "");
  CHECK(page.find("no scores: ") != std::string::npos);
  CHECK(page.find("id=\"layers\"") != std::string::npos);
  CHECK(page.find("id=\"sample\"") != std::string::npos);

  std::string csv = "x,y\n";
  for (int i = 0; i < 100; ++i) csv += fmt::format("{},{}\n", i % 10, 0.5 + 2 * (i % 10));
  const std::string line = trained(dir, "line",
                                   {"--data", "csv:task=regression,path=" + dir.write("line.csv", csv),
                                    "--model", "mlp:hidden=8", "--epochs", "2"});
  const auto score = nlohmann::json::parse(run({"eval", line, "--json"}).text);
  CHECK(run({"report", line}).code == kOk);
  page = dir.read("line/report.html");
  CHECK(markup_problem(page) == "");
  CHECK(page.find("Predicted against true") != std::string::npos);
  CHECK(page.find(fmt::format("<td class=\"n\">{:.4g}</td>", score["test_rmse"].get<double>())) !=
        std::string::npos);
  CHECK(page.find("class=\"reference\"") != std::string::npos);
}

TEST_CASE(
    "compare: settings that differ, final and best scores; missing runs are named and the others shown") {
  const TempDir dir;
  const std::string a = digits_run(dir, "a"), b = digits_run(dir, "b", "sgd:lr=0.1");
  const auto json = nlohmann::json::parse(run({"compare", a, b, "--json"}).text);
  CHECK(json["differing"] == nlohmann::json::array({"optim"}));
  CHECK(json["runs"][1]["settings"]["optim"] == "sgd:lr=0.1");
  const auto eval = nlohmann::json::parse(run({"eval", a, "--json"}).text);
  CHECK(json["runs"][0]["final"]["test_accuracy"].get<double>() ==
        doctest::Approx(eval["test_accuracy"].get<double>()));
  CHECK(json["runs"][0]["final"]["step"] == 6);
  const RunSummary summary = summarize(a);
  double best = 0;
  for (const MetricsRow& row : summary.rows) best = std::max(best, row.test_accuracy);
  CHECK(json["runs"][0]["best"]["test_accuracy"] == best);
  CHECK(!json.contains("damaged"));

  const Output table = run({"compare", a, b, dir / "none", "--html", dir / "both.html"});
  CHECK(table.code == kBadData);
  CHECK(table.text.find("run ") != std::string::npos);
  CHECK(table.text.find("sgd:lr=0.1") != std::string::npos);
  CHECK(table.text.find("model     mlp:hidden=8") != std::string::npos);  // the same in both
  const std::string page = dir.read("both.html");
  CHECK(markup_problem(page) == "");
  CHECK(page.find("not a run directory") != std::string::npos);
  CHECK(occurrences(page, "<svg ") == 4);
  CHECK(run({"compare", dir / "none"}).code == kBadData);
  const auto damaged = nlohmann::json::parse(run({"compare", dir / "none", a, "--json"}).text);
  CHECK(damaged["damaged"][0]["run"] == dir / "none");
  CHECK(damaged["runs"].size() == 1);

  // Runs of other data stand beside each other, with a word that their scores do not compare.
  std::string csv = "x,y\n";
  for (int i = 0; i < 100; ++i) csv += fmt::format("{},{}\n", i, 3.5 * i);
  const std::string other = trained(dir, "c",
                                    {"--data", "csv:task=regression,path=" + dir.write("l.csv", csv),
                                     "--model", "mlp:hidden=4", "--epochs", "1"});
  const auto mixed = nlohmann::json::parse(run({"compare", a, other, "--json"}).text);
  CHECK(mixed["notes"][0].get<std::string>().find("different data") != std::string::npos);
  CHECK(mixed["runs"][1]["best_by"] == "test_loss");
  CHECK(mixed["runs"][1]["final"]["test_accuracy"].is_null());
}

TEST_CASE("run summary: settings as flags that start the same run") {
  TrainConfig config;
  config.optim = "sam(sgd:lr=0.1)";
  config.shuffle = false;
  config.freeze = {"conv*", "fc1.bias"};
  config.clip_norm = 1;
  CHECK(train_line(config) ==
        "gradus train --data digits --model mlp --optim 'sam(sgd:lr=0.1)' --no-shuffle --clip-norm 1 "
        "--freeze 'conv*' --freeze fc1.bias");
  const OptionList changed = changed_settings(config);
  REQUIRE(changed.size() == 4);
  CHECK(changed[3] == std::pair<std::string, std::string>("freeze", "conv* fc1.bias"));
  RunSummary a{.path = "a", .config = config}, b = a;
  CHECK(differing_settings({a, b}).empty());
  b.config.data_dir = "elsewhere";
  CHECK(differing_settings({a, b}).empty());
  b.config.seed = 7;
  const auto differing = differing_settings({a, b});
  REQUIRE(differing.size() == 1);
  CHECK(differing[0].key == "seed");
  CHECK(differing[0].values == std::vector<std::string>{"0", "7"});
}
