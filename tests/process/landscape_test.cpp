// gradus landscape as a user runs it: files, exit codes, and a kill in the middle that loses nothing.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;

TEST_CASE("landscape: ended at a write it goes on to the same figures; files and exit codes") {
  const TempDir dir;
  const std::string run = dir / "run";
  REQUIRE(run_gradus({"train", "--data", "digits:train=100,test=20", "--model", "mlp:hidden=4", "--epochs",
                      "1", "--quiet", "--out", run})
              .code == 0);
  const auto line = [&](const std::string& out) {
    return std::vector<std::string>{"landscape",       run,      "--limit",  "40", "--probes", "2",
                                    "--density-steps", "4",      "--points", "3",  "--quiet",  "--json",
                                    "--out",           dir / out};
  };
  const Outcome whole = run_gradus(line("whole"));
  REQUIRE_MESSAGE(whole.code == 0, whole.err);
  for (const char* name :
       {"landscape.json", "density.svg", "density.csv", "line.svg", "line.csv", "plane.svg", "plane.csv"})
    CHECK(std::filesystem::exists(dir / (std::string("whole/") + name)));
  // Ctrl-C at one write, a kill at the next, then to the end.
  const auto ended = [&](const char* with) {
    return run_gradus(line("cut"), {.environment = {{"LD_PRELOAD", kill_at_path()},
                                                    {"ASAN_OPTIONS", "verify_asan_link_order=0"},
                                                    {"KILL_AT", "8"},
                                                    {"KILL_WITH", with}}});
  };
  CHECK(ended("2").code == 130);
  CHECK(ended("9").signal == 9);
  const Outcome again = run_gradus(line("cut"));
  REQUIRE_MESSAGE(again.code == 0, again.err);
  auto a = nlohmann::json::parse(whole.out), b = nlohmann::json::parse(again.out);
  a.erase("files"), b.erase("files");
  CHECK(a == b);
  CHECK(bytes_of(dir / "whole/plane.csv") == bytes_of(dir / "cut/plane.csv"));

  const Outcome none = run_gradus({"landscape", dir / "nothing"});
  CHECK(none.code == 3);
  CHECK(none.err.find("nothing") != std::string::npos);
  CHECK(run_gradus({"landscape", run, "--points", "-1"}).code == 2);
  const Outcome help = run_gradus({"landscape", "--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("--no-plane") != std::string::npos);
}
