// gradus optim list: families, filters, JSON, and the page of all optimizers.
#include "apps/commands/optim_list.h"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "apps/commands/optim_table.h"
#include "core/error.h"
#include "optim/schedule.h"
#include "tests/apps/in_process.h"
#include "tests/paths.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

std::set<std::string> names_of(const std::string& pattern, const OptimizerFilter& filter) {
  std::set<std::string> names;
  for (const OptimizerEntry* e : select_optimizers(pattern, filter)) names.insert(e->text.name);
  return names;
}
bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("optim list: every entry is in one family, and families stand together with their counts") {
  std::vector<std::string> order;
  std::map<std::string, int> count;
  for (const OptimizerEntry& e : optimizers()) {
    CAPTURE(e.text.name);
    CHECK(!e.family.empty());
    if (order.empty() || order.back() != e.family) order.push_back(e.family);
    ++count[e.family];
  }
  CHECK(order.size() == count.size());  // none comes back
  const std::string text = run({"optim", "list"}).text;
  for (const auto& [family, n] : count) CHECK(holds(text, family + " (" + std::to_string(n) + ")\n"));
  const std::string all = std::to_string(optimizers().size());
  CHECK(holds(text, "\n" + all + " of " + all + " optimizers\n"));
  CHECK(holds(run({"optim", "list", "sophia-*"}).text, "curvature (2)\n  sophia-h  "));
}

TEST_CASE("optim list: kinds, needs, rows and columns") {
  CHECK(names_of("sophia*", {.needs = "hvp"}) == std::set<std::string>{"sophia-h"});
  CHECK(names_of("*", {.needs = "sampled-labels"}) == std::set<std::string>{"sophia-g"});
  CHECK(names_of("*", {.needs = "full-gradient"}) == std::set<std::string>{"svrg", "sarah"});
  CHECK(names_of("*", {.needs = "per-sample"}) == std::set<std::string>{"dp-sgd"});
  CHECK(names_of("*", {.family = "privacy"}) == std::set<std::string>{"dp-sgd"});
  const auto hvp = names_of("*", {.needs = "hvp"}), plain = names_of("*", {.needs = "gradient"});
  for (const char* name : {"oasis", "adahessian", "sophia-h"}) CHECK(hvp.contains(name));
  for (const char* name : {"adam", "muon", "clip-norm"}) CHECK(plain.contains(name));
  for (const std::string& name : hvp) CHECK(!plain.contains(name));
  const auto losses = names_of("*", {.needs = "loss"});
  for (const char* name : {"momo", "lbfgs", "sania"}) CHECK(losses.contains(name));
  const auto rules = names_of("*", {.kind = "rule"}), wrappers = names_of("*", {.kind = "wrapper"}),
             transforms = names_of("*", {.kind = "transform"});
  CHECK(rules.size() + wrappers.size() + transforms.size() == optimizers().size());
  for (const char* name : {"sam", "svrg", "lookahead"}) CHECK(wrappers.contains(name));
  for (const char* name : {"clip-norm", "nfnet-agc"}) CHECK(transforms.contains(name));
  for (const char* name : {"adam", "bsam"}) CHECK(rules.contains(name));
  const auto matrix = names_of("*", {.matrix = true});
  for (const char* name : {"muon", "soap", "adafactor", "nfnet-agc"}) CHECK(matrix.contains(name));
  for (const char* name : {"adam", "lars", "lamb", "sam", "lbfgs"}) CHECK(!matrix.contains(name));
  CHECK(names_of("*", {.kind = "wrapper", .matrix = true}).size() < wrappers.size());
}

TEST_CASE("optim list: what nothing matches is refused, naming what there is") {
  const auto refused = [](const std::vector<std::string>& line, const std::string& part) {
    try {
      run(line);
      FAIL_CHECK("accepted");
    } catch (const UsageError& e) {
      CHECK(holds(e.what(), part));
    }
  };
  refused({"optim", "list", "zzz"}, "zzz");
  refused({"optim", "list", "--needs", "hpv"}, "hvp");
  refused({"optim", "list", "--family", "curvatur"}, "curvature");
  refused({"optim", "list", "--kind", "rules"}, "rule");
  refused({"optim", "list", "--kind", "schedule", "--matrix"}, "schedule");
  refused({"optim", "list", "--kind", "schedule", "adam"}, "adam");
  refused({"optim", "list", "--scores", "x.tsv"}, "--markdown");
}

TEST_CASE("optim list --json: what the text says, and options; schedules in the same form") {
  const auto json = nlohmann::json::parse(run({"optim", "list", "--json", "--family", "sharpness"}).text);
  CHECK(json["count"] == 5);
  CHECK(json["families"] == nlohmann::json{{"sharpness", 5}});
  const auto& gsam = json["entries"][0];
  CHECK(gsam["name"] == "gsam");
  CHECK(gsam["kind"] == "wrapper");
  CHECK(gsam["needs"] == nlohmann::json{"re-evaluation"});
  CHECK(gsam["matrix"] == false);
  for (const auto& o : gsam["options"]) {
    if (o["name"] == "alpha") CHECK(o["default"] == "0.4");
    if (o["name"] == "rho_min") CHECK(o["default"] == "none");
  }
  CHECK(gsam["options"].size() >= 2);
  CHECK(gsam["source"] == "optim/wrappers/gsam.cpp");
  const auto schedule =
      nlohmann::json::parse(run({"optim", "list", "--json", "--kind", "schedule", "cos*"}).text);
  CHECK(schedule["entries"][0]["name"] == "cosine");
  CHECK(holds(run({"optim", "list", "--kind", "schedule"}).text,
              "schedule (" + std::to_string(schedules().size()) + ")\n"));
  CHECK(holds(run({"optim", "show", "sophia-g"}).text, "asks for sampled-labels\n"));
  CHECK(holds(run({"optim", "show", "sophia-g"}).text, "family   curvature\n"));
}

TEST_CASE("the page of all optimizers: scores beside names; damaged files are refused with their line") {
  const TempDir dir;
  const std::string titles = "task\tname\trate\tscore\ttried\n";
  const std::string file = dir.write("scores.tsv", titles +
                                                       "lenet\tadamw\t0.001\t0.983\t\n"
                                                       "lenet\tgsam\t0.01\t0.98765\t\n"
                                                       "gpt\tgsam\t0.003\t2.1236\t\n"
                                                       "step\tadamw\t-\t2\t\n"
                                                       "step\tgsam\t-\t5\t\n"
                                                       "gpt\tadamw\t-\t-\t\n"
                                                       "lenet\talr-hb\t-\t0.5\t\n");
  const auto page_of = [&](const std::string& name) {
    return run({"optim", "list", "--markdown", "--scores", file, name}).text;
  };
  const std::string page = page_of("gsam") + page_of("adamw") + page_of("alr-hb");
  CHECK(holds(page, "| gsam | Zhuang et al., ICLR 2022, arXiv 2203.08065 | 0 | "));
  CHECK(holds(page, " | 2.5 | re-evaluation | 98.77 (0.01) | 2.124 (0.003) |\n"));
  CHECK(holds(page, " | 1.00 | 1.0 | gradient | 98.30 (0.001) | - |\n"));
  CHECK(holds(page, " | 50.00 | - |\n"));
  CHECK(holds(page, "\n## sharpness\n"));
  CHECK(holds(run({"optim", "list", "--markdown", "adam"}).text, " | - | gradient | - | - |\n"));
  for (const std::string bad : {"lenet\tadam\t0.1\tmuch\t\n", "lenet adam 0.1 0.9\n"}) {
    const std::string broken = dir.write("broken.tsv", titles + bad);
    try {
      read_scores(broken);
      FAIL_CHECK("accepted");
    } catch (const DataError& e) {
      CHECK(holds(e.what(), "broken.tsv:2: "));
    }
  }
  CHECK_THROWS_AS(read_scores(dir / "absent.tsv"), DataError);
}

TEST_CASE(
    "optim/rules/TABLE.md has a row for every optimizer, in its family, and the scores that are recorded") {
  const std::filesystem::path rules = tests_dir().parent_path() / "optim/rules";
  std::ifstream in(rules / "TABLE.md");
  std::string line, family;
  std::vector<std::string> rows, expected;
  while (std::getline(in, line)) {
    if (line.starts_with("## ")) family = line.substr(3);
    if (line.starts_with("| ") && !line.starts_with("| name |"))
      rows.push_back(family + line.substr(1, line.find(" | ", line.find(" | ") + 1) - 1));
  }
  for (const OptimizerEntry& e : optimizers())
    expected.push_back(e.family + " " + e.text.name + " | " + e.text.paper);
  INFO(
      "if not: build/bin/gradus optim list --markdown --scores optim/rules/scores.tsv > "
      "optim/rules/TABLE.md");
  CHECK(rows == expected);
  for (const auto& [task, scores] : read_scores(rules / "scores.tsv"))
    for (const auto& [name, score] : scores) {
      CAPTURE(task);
      CHECK_NOTHROW(find_optimizer(name));
    }
}
