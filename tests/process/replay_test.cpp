// gradus replay on cases, as its users meet it: verdicts, exit codes, what --print and --json show.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/paths.h"
#include "tests/process/process.h"

namespace gradus::replay_process_tests {

using tests::Outcome;
using tests::run_gradus;

std::string recorded(const std::string& name) { return (tests::tests_dir() / name).string(); }
const char* const kSort = "cases/neuralndcg--neural-sort.json";

nlohmann::json sort_case() { return nlohmann::json::parse(tests::bytes_of(recorded(kSort))); }

void check_refused(const nlohmann::json& json, int code, const std::vector<std::string>& parts) {
  const TempDir dir;
  const std::string path = dir.write("changed.json", json.dump());
  const Outcome outcome = run_gradus({"replay", path});
  CAPTURE(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find(path) != std::string::npos);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(outcome.err.find(part) != std::string::npos);
  }
}

TEST_CASE("replay: cases and trajectories in one call") {
  const Outcome both = run_gradus({"replay", recorded(kSort), recorded("goldens/adam.json")});
  CHECK_MESSAGE(both.code == 0, both.err);
  CHECK(both.out.find("neuralndcg neural-sort") != std::string::npos);
  CHECK(both.out.find("permutation") != std::string::npos);
  CHECK(both.out.find("step ") != std::string::npos);
  const Outcome as_json = run_gradus({"replay", "--json", recorded(kSort), recorded("goldens/adam.json")});
  REQUIRE(as_json.code == 0);
  const auto json = nlohmann::json::parse(as_json.out);
  CHECK(json["passed"] == true);
  CHECK(json["files"][0]["function"] == "neural-sort");
  CHECK(json["files"][0]["outputs"][0]["name"] == "permutation");
  CHECK(json["files"][1]["optimizer"] == "adam");
}

TEST_CASE("replay: a case changed in one digit is a mismatch") {
  const TempDir dir;
  std::string text = tests::bytes_of(recorded(kSort));
  const size_t at = text.find("0.7213991");
  REQUIRE(at != std::string::npos);
  text[at + 3] = '3';  // 0.7313991...
  const std::string path = dir.write("digit.json", text);
  const Outcome changed = run_gradus({"replay", path});
  CHECK(changed.code == 4);
  CHECK(changed.out.find("MISMATCH") != std::string::npos);
  CHECK(run_gradus({"replay", path, recorded(kSort)}).code == 4);
  const Outcome as_json = run_gradus({"replay", "--json", path});
  CHECK(as_json.code == 4);
  CHECK(nlohmann::json::parse(as_json.out)["passed"] == false);
  // An input changed is one, too.
  nlohmann::json json = sort_case();
  json["inputs"]["scores"]["data"][0] = 1.5;
  CHECK(run_gradus({"replay", dir.write("input.json", json.dump())}).code == 4);
}

TEST_CASE("replay: what a case file does wrong decides the exit code") {
  nlohmann::json json = sort_case();
  json["paper"] = "neuralndgc";
  check_refused(json, 2, {"unknown paper 'neuralndgc'", "did you mean 'neuralndcg'?"});
  json = sort_case();
  json["function"] = "neuralsort";
  check_refused(json, 2, {"unknown function 'neuralsort'", "did you mean 'neural-sort'?"});
  json = sort_case();
  json["options"]["temprature"] = 1;
  check_refused(json, 2, {"unknown option 'temprature'", "did you mean 'temperature'?"});
  json = sort_case();
  json["options"]["temperature"] = -1;
  check_refused(json, 2, {"temperature", "out of range"});
  json = sort_case();
  json["inputs"].erase("mask");
  check_refused(json, 3, {"inputs.mask: is missing"});
  json = sort_case();
  json["inputs"]["labels"] = json["inputs"]["mask"];
  check_refused(json, 3, {"inputs.labels"});
  json = sort_case();
  json["inputs"]["mask"] = {{"shape", {1, 2}}, {"type", "int"}, {"data", {0, 0}}};
  check_refused(json, 3, {"inputs.mask: shape (1, 2), expected (b,n) = (1, 3)"});
  json = sort_case();
  json["inputs"]["mask"]["data"] = {0, 1, 0};
  check_refused(json, 3, {"padded items must stand last"});
  json = sort_case();
  json["inputs"]["scores"]["data"][1] = nullptr;
  check_refused(json, 3, {"inputs.scores.data[1]"});
  json = sort_case();
  json["expect"]["loss"] = {{"shape", nlohmann::json::array()}, {"data", {1}}};
  check_refused(json, 3, {"expect.loss"});
  json = sort_case();
  json.erase("expect");
  check_refused(json, 3, {"expect: is missing"});
}

TEST_CASE("replay --print: what a function gives can be pasted into its case") {
  const TempDir dir;
  nlohmann::json json = sort_case();
  json.erase("expect");
  const Outcome printed = run_gradus({"replay", "--print", dir.write("new.json", json.dump())});
  REQUIRE_MESSAGE(printed.code == 0, printed.err);
  json["expect"] = nlohmann::json::parse(printed.out);
  json["tolerance"] = 0;
  CHECK(json["expect"]["permutation"]["shape"] == nlohmann::json({1, 3, 3}));
  const Outcome again = run_gradus({"replay", "--json", dir.write("new.json", json.dump())});
  CHECK(again.code == 0);
  CHECK(nlohmann::json::parse(again.out)["files"][0]["error"] == 0);
  const Outcome trajectory = run_gradus({"replay", "--print", recorded("goldens/adam.json")});
  CHECK(trajectory.code == 2);
  CHECK(run_gradus({"replay", "--print", "--json", recorded(kSort)}).code == 2);
}

}  // namespace gradus::replay_process_tests
