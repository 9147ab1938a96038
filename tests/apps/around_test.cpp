// gradus help, completion, runs, and lists as JSON: all of them from the tables.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

Words completed(Words words) {
  words.insert(words.begin(), {"completion", "bash", "--for", "--"});
  std::istringstream lines(run(words).text);
  Words found;
  for (std::string line; std::getline(lines, line);) found.push_back(line);
  return found;
}

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("help: explains a command as --help does, and names what there is for a word that is none") {
  CHECK(run({"help", "train"}).text == run({"train", "--help"}).text);
  CHECK(run({"help", "optim", "show"}).text == run({"optim", "show", "--help"}).text);
  CHECK(run({"help"}).text == run({"--help"}).text);
  CHECK_THROWS_WITH_AS(run({"help", "trian"}), doctest::Contains("did you mean 'train'"), UsageError);
  CHECK_THROWS_WITH_AS(run({"help", "optim", "shw"}), doctest::Contains("did you mean 'show'"), UsageError);
  CHECK_THROWS_WITH_AS(run({"help", "train", "now"}), doctest::Contains("no commands of its own"),
                       UsageError);
}

TEST_CASE("help --man: a page a command, with every flag, and nothing that roff would take for a request") {
  const std::string page = run({"help", "train", "--man"}).text;
  CHECK(page.starts_with(".TH GRADUS\\-TRAIN 1 "));
  for (const char* part : {".SH NAME\ngradus\\-train \\- train a model on a data set\n",
                           ".SH SYNOPSIS\n.B gradus train\n", ".B \\-\\-batch\\-size \\fRTEXT=64\n",
                           ".B \\-\\-class\\-weights", ".SH EXIT STATUS", ".B NO_COLOR"}) {
    CAPTURE(part);
    CHECK(page.find(part) != std::string::npos);
  }
  const TempDir dir;
  CHECK(run({"help", "--man-dir", dir.path()}).text.find(" pages\n") != std::string::npos);
  CHECK(fs::exists(dir / "gradus.1"));
  CHECK(fs::exists(dir / "gradus-optim-show.1"));
  int pages = 0;
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    ++pages;
    CAPTURE(entry.path().string());
    std::istringstream lines(dir.read(entry.path().filename().string()));
    for (std::string text; std::getline(lines, text);) {
      if (!text.starts_with('.')) continue;
      const std::string request = text.substr(0, text.find(' '));
      CHECK(has({".TH", ".SH", ".TP", ".B", ".I", ".nf", ".fi"}, request));
    }
  }
  CHECK(pages > 30);
  CHECK_THROWS_AS(run({"help", "--man-dir", dir / "none"}), DataError);
}

TEST_CASE("completion: commands, flags, entries of registries and their options, words of a flag") {
  CHECK(completed({"tra"}) == Words{"train"});
  CHECK(has(completed({""}), "predict"));
  CHECK(has(completed({"optim", ""}), "show"));
  CHECK(completed({"train", "--batch-s"}) == Words{"--batch-size"});
  CHECK(has(completed({"train", "--batch"}), "--batch-parts"));
  const Words optims = completed({"train", "--optim", ""});
  CHECK(optims.size() == optimizers().size());
  CHECK(has(completed({"train", "--optim", "adab"}), "adabelief"));
  CHECK_FALSE(has(completed({"train", "--optim", "adab"}), "sgd"));
  CHECK(completed({"train", "--optim", "adam:be"}) == Words{"adam:beta1=", "adam:beta2="});
  CHECK(completed({"train", "--optim", "adam:beta1=0.9,be"}) == Words{"adam:beta1=0.9,beta2="});
  CHECK(completed({"train", "--optim=adam:l"}) == Words{"--optim=adam:lr="});
  CHECK(completed({"train", "--optim", "sam(sgd:nest"}) == Words{"sam(sgd:nesterov="});
  CHECK(completed({"train", "--optim", "adam:lr=0."}).empty());
  CHECK(completed({"train", "--model", ""}).size() == models().size());
  CHECK(completed({"train", "--sampler", ""}) == Words{"plain", "balanced"});
  CHECK(has(completed({"train", "--metric", "f"}), "f1"));
  CHECK(completed({"optim", "show", "adabel"}) == Words{"adabelief"});
  CHECK(completed({"data", "fetch", "mni"}) == Words{"mnist"});
  CHECK(has(completed({"papers", "run", "ada"}), "adabelief"));
  CHECK(completed({"eval", "--views", ""}) == Words{"mirror", "translate"});
  CHECK(completed({"eval", "--corrupt", "gaussian-noise:se"}) ==
        Words{"gaussian-noise:severity=", "gaussian-noise:seed="});
  CHECK(completed({"eval", "--attack", "pg"}) == Words{"pgd"});
  CHECK(has(completed({"eval", "--adapt", "ent"}), "entropy"));
  CHECK(completed({"help", "opt"}) == Words{"optim"});
  CHECK(completed({"help", "optim", "sho"}) == Words{"show"});
  CHECK(completed({"train", "--out", "x"}).empty());  // a file or folder: the shell's own
  CHECK(completed({"train", "--quiet", "--opt"}) == Words{"--optim"});
  for (const char* shell : {"bash", "zsh", "fish"})
    CHECK(run({"completion", shell}).text.find(std::string("completion ") + shell + " --for -- ") !=
          std::string::npos);
  CHECK_THROWS_WITH_AS(run({"completion", "zhs"}), doctest::Contains("zsh"), UsageError);
}

TEST_CASE("lists: --json has names, summaries and options") {
  const auto optim = nlohmann::json::parse(run({"optim", "list", "ada*", "--json"}).text);
  CHECK(optim.at("kind") == "optimizer");
  for (const auto& entry : optim.at("entries")) CHECK(entry.at("name").get<std::string>().starts_with("ada"));
  const auto models_list = nlohmann::json::parse(run({"model", "list", "--json"}).text);
  CHECK(models_list.at("entries").size() == models().size());
  const auto schedule = nlohmann::json::parse(run({"optim", "schedules", "cosine", "--json"}).text);
  REQUIRE(schedule.at("entries").size() == 1);
  bool warmup = false;
  for (const auto& o : schedule["entries"][0]["options"]) warmup = warmup || o.at("name") == "warmup";
  CHECK(warmup);
  for (const Words& list : {Words{"data", "list"}, Words{"data", "partitions"}, Words{"optim", "servers"},
                            Words{"papers", "list"}, Words{"optim", "state-memory", "adam"}}) {
    Words words = list;
    words.push_back("--json");
    CAPTURE(list[1]);
    CHECK(nlohmann::json::parse(run(words).text).is_object());
  }
}

TEST_CASE("runs: a table below a folder; sorted, filtered, as JSON; damaged ones are named") {
  const TempDir dir;
  const auto train = [&](const std::string& name, const Words& more) {
    Words words = {
        "--data", "digits:train=400,test=50", "--model", "mlp:hidden=8", "--batch-size", "64", "--epochs",
        "1"};
    words.insert(words.end(), more.begin(), more.end());
    trained(dir, name, words);
  };
  train("runs/a", {"--optim", "adam:lr=0.01", "--seed", "1"});
  train("runs/deep/b", {"--optim", "sgd:lr=1e-6", "--seed", "2"});
  train("runs/c", {"--optim", "adam:lr=0.01", "--epochs", "2"});
  run({"federated", "--data", "digits:train=60,test=20", "--clients", "5", "--per-round", "2", "--rounds",
       "1", "--model", "mlp:hidden=4", "--quiet", "--out", dir / "runs/f"});
  const auto listed = [&](const Words& more) {
    Words words = {"runs", dir / "runs", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    Words names;
    const auto json = nlohmann::json::parse(run(words).text);
    for (const auto& r : json.at("runs"))
      names.push_back(fs::path(r.at("run").get<std::string>()).filename().string());
    return names;
  };
  CHECK(listed({}) == Words{"a", "c", "b", "f"});
  CHECK(listed({"--sort", "seed", "--filter", "command=train"}) == Words{"c", "a", "b"});
  CHECK(listed({"--sort", "seed", "--reverse", "--limit", "1"}) == Words{"b"});
  CHECK(listed({"--filter", "optim=sgd*"}) == Words{"b"});
  CHECK(listed({"--filter", "command=train", "--filter", "steps>6"}) == Words{"c"});
  CHECK(listed({"--filter", "command!=train"}) == Words{"f"});
  CHECK(listed({"--filter", "score>2"}).empty());
  Words by_score = listed({"--sort", "score", "--filter", "command=train"});
  CHECK(by_score.back() == "b");  // a rate that moves nothing
  const std::string table = run({"runs", dir / "runs"}).text;
  for (const char* part : {"optimizer", "best score", "adam:lr=0.01", "federated", "finished"}) {
    CAPTURE(part);
    CHECK(table.find(part) != std::string::npos);
  }
  dir.write("runs/broken/config.json", "{");
  const Output broken = run({"runs", dir / "runs", "--json"});
  CHECK(broken.code == kBadData);
  CHECK(nlohmann::json::parse(broken.text).at("runs").size() == 4);
  CHECK(nlohmann::json::parse(broken.text).at("errors").size() == 1);
  CHECK(run({"runs", dir / "none"}).code == kBadData);
  CHECK_THROWS_WITH_AS(run({"runs", "--filter", "modl=x"}), doctest::Contains("'model'"), UsageError);
  CHECK_THROWS_WITH_AS(run({"runs", "--filter", "score>high"}), doctest::Contains("number"), UsageError);
  CHECK_THROWS_WITH_AS(run({"runs", "--filter", "data<3"}), doctest::Contains("is a word"), UsageError);
  CHECK_THROWS_AS(run({"runs", "--filter", "data"}), UsageError);
}
