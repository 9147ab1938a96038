// Every paper's experiment as a smoke run of the program: no files, no network, a few steps.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/papers/paper.h"
#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;

namespace {
// A record without its times, its command and the machine.
nlohmann::json figures(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text);
  for (const char* key : {"times", "machine"}) json.erase(key);
  return json;
}
}  // namespace

TEST_CASE("papers run --quick: every paper, and a record that can be read" * doctest::test_suite("papers")) {
  for (const gradus::Paper& paper : gradus::papers()) {
    if (!paper.experiment) continue;
    CAPTURE(paper.slug);
    const TempDir dir;
    const Outcome run =
        run_gradus({"papers", "run", paper.slug, "--quick", "--json", "--quiet"}, {.folder = dir.path()});
    REQUIRE_MESSAGE(run.code == 0, run.err);
    CHECK(run.err.empty());
    const nlohmann::json json = nlohmann::json::parse(run.out);
    CHECK(json["slug"] == paper.slug);
    CHECK(json["seeds"].size() == 2);
    CHECK(json["quick"] == true);
    CHECK(std::filesystem::is_empty(dir.path()));
  }
}

TEST_CASE("papers run: a pattern and a family go on over papers, each in a folder of its own" *
          doctest::test_suite("papers")) {
  const TempDir dir;
  const std::vector<std::string> command = {"papers",  "run",    "p*",      "--family", "stepsize",
                                            "--quick", "--json", "--quiet", "--out",    "all"};
  const Outcome run = run_gradus(command, {.folder = dir.path()});
  REQUIRE_MESSAGE(run.code == 0, run.err);
  const nlohmann::json results = nlohmann::json::parse(run.out)["results"];
  std::vector<std::string> slugs;
  for (const auto& record : results) {
    slugs.push_back(record["slug"]);
    CHECK(figures(dir.read("all/" + slugs.back() + "/result.json")) == figures(record.dump()));
  }
  CHECK(slugs == std::vector<std::string>{"prodigy", "polyak-momentum"});
}

TEST_CASE("papers run: jobs give the figures of one process; a second call finds all runs; --check" *
          doctest::test_suite("papers")) {
  const TempDir dir;
  const std::vector<std::string> quick = {"papers", "run",       "adabelief", "--quick",
                                          "--json", "--threads", "1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), quick.begin(), quick.end());
    return run_gradus(more, {.folder = dir.path()});
  };
  const Outcome one = with({"--jobs", "1", "--out", "one"}), two = with({"--jobs", "2", "--out", "two"});
  REQUIRE_MESSAGE(one.code == 0, one.err);
  REQUIRE_MESSAGE(two.code == 0, two.err);
  CHECK(figures(one.out) == figures(two.out));
  CHECK(figures(dir.read("two/result.json")) == figures(two.out));
  const Outcome again = with({"--jobs", "2", "--out", "two"});
  CHECK(figures(again.out) == figures(two.out));
  CHECK(again.err.find("13 of 13 runs are finished already") != std::string::npos);
  CHECK(with({"--out", "one", "--check", "--quiet"}).code == 4);
}

TEST_CASE("papers run: killed five times and resumed, the result is the same bytes" *
          doctest::test_suite("papers")) {
  const std::vector<std::string> quick = {"papers", "run",   "adabelief", "--quick",   "--quiet",
                                          "--json", "--out", "runs",      "--threads", "1"};
  const TempDir whole, dir;
  REQUIRE(run_gradus(quick, {.folder = whole.path()}).code == 0);
  // In the middle of a file, before it is synced, before it is renamed; Ctrl-C in between.
  for (const auto& [at, signal] : std::vector<std::pair<const char*, const char*>>{
           {"5", "9"}, {"8", "9"}, {"3", "2"}, {"4", "9"}, {"6", "9"}, {"7", "9"}}) {
    const Outcome cut = run_gradus(quick, {.folder = dir.path(),
                                           .environment = {{"LD_PRELOAD", kill_at_path()},
                                                           {"ASAN_OPTIONS", "verify_asan_link_order=0"},
                                                           {"KILL_AT", at},
                                                           {"KILL_WITH", signal}}});
    CAPTURE(at);
    CAPTURE(cut.err);
    if (*signal == '9')
      CHECK(cut.signal == 9);
    else
      CHECK(cut.code == 130);
  }
  REQUIRE(run_gradus(quick, {.folder = dir.path()}).code == 0);
  nlohmann::ordered_json once = nlohmann::ordered_json::parse(whole.read("runs/result.json")),
                         cut = nlohmann::ordered_json::parse(dir.read("runs/result.json"));
  for (auto* json : {&once, &cut}) json->erase("times");
  CHECK(once.dump() == cut.dump());
}

TEST_CASE("papers run: data that are missing name the command that fetches them" *
          doctest::test_suite("papers")) {
  const TempDir dir;
  const Outcome run =
      run_gradus({"papers", "run", "adabelief", "--data-dir", "nowhere", "--quiet"}, {.folder = dir.path()});
  CHECK(run.code == 3);
  CHECK(run.err.find("gradus data fetch fashion-mnist") != std::string::npos);
}
