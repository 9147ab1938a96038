// gradus lab: starters, solutions and grades, and what students' programs do to a grader. Builds small projects with CMake.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/process/process.h"

using gradus::TempDir;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

nlohmann::json graded(const std::string& folder, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"lab", "grade", folder, "--json"};
  words.insert(words.end(), more.begin(), more.end());
  const Outcome run = run_gradus(words);
  CAPTURE(run.err);
  REQUIRE((run.code == 0 || run.code == 4));
  const auto json = nlohmann::json::parse(run.out);
  CHECK((run.code == 0) == (json["points"] == json["of"]));
  return json;
}

// Replaces the first `old` of a file that must have it.
void edit(const std::string& path, const std::string& old, const std::string& now) {
  std::string text = bytes_of(path);
  const size_t at = text.find(old);
  REQUIRE(at != std::string::npos);
  text.replace(at, old.size(), now);
  std::ofstream(path, std::ios::binary) << text;
}

nlohmann::json part_of(const nlohmann::json& grade, const std::string& part) {
  for (const auto& p : grade["parts"])
    if (p["part"] == part) return p;
  FAIL("no part " << part);
  return {};
}

}  // namespace

TEST_CASE("lab: a solution has all points, its starter none, and the starter has nothing of the solution") {
  const TempDir dir;
  REQUIRE(run_gradus({"lab", "start", "1", dir.path() + "/starter"}).code == 0);
  REQUIRE(run_gradus({"lab", "solution", "1", dir.path() + "/solution"}).code == 0);
  const std::string starter = dir.read("starter/engine.h"), solution = dir.read("solution/engine.h");
  CHECK(starter.find("SOLUTION") == std::string::npos);
  CHECK(starter.find("adjoint") == std::string::npos);
  CHECK(starter.find("  throw lab::NotWritten(\"2.2\");  // your code here\n") != std::string::npos);
  CHECK(solution.find("// BEGIN SOLUTION 2.2") != std::string::npos);
  CHECK(dir.read("starter/README.md").find("## Three commands") != std::string::npos);
  const auto none = graded(dir.path() + "/starter");
  CHECK(none["built"] == true);
  CHECK(none["points"] == 0);
  CHECK(none["notes"].empty());
  for (const auto& part : none["parts"])
    for (const auto& test : part["tests"]) CHECK(test["status"] == "not written");
  const auto all = graded(dir.path() + "/solution");
  CHECK(all["points"] == all["of"]);
  CHECK(all["of"] == none["of"]);
  CHECK(graded(dir.path() + "/solution", {"--part", "1"})["of"] == 19);
  CHECK(run_gradus({"lab", "grade", dir.path() + "/solution", "--part", "7.7"}).code == 2);
}

TEST_CASE(
    "lab: a crash, an endless loop, an exit, NaN cost the tests they happen in; changed and missing files "
    "are named") {
  const TempDir dir;
  const std::string lab = dir.path() + "/lab";
  REQUIRE(run_gradus({"lab", "solution", "1", lab}).code == 0);
  edit(lab + "/engine.h", "{{a.at(), 1}, {b.at(), 1}}",
       "{{a.at(), *static_cast<volatile int*>(nullptr) + 1.0}, {b.at(), 1}}");
  edit(lab + "/engine.h", "return Value(a.tape(), a.value() - b.value()",
       "for (volatile int i = 0;; i = i + 1) {}\n  return Value(a.tape(), a.value() - b.value()");
  edit(lab + "/engine.h", "const double q = a.value()", "std::exit(0);\n  const double q = a.value()");
  edit(lab + "/engine.h", "Value(a.tape(), std::log(a.value())", "Value(a.tape(), std::log(-a.value())");
  edit(lab + "/engine.h", "#include <vector>", "#include <cstdlib>\n#include <vector>");
  edit(lab + "/tests.cpp", "LAB_TEST(\"1.3\"", "LAB_TEST(\"9.9\"");
  fs::remove(lab + "/network.h");
  const auto grade = graded(lab, {"--seconds", "2"});
  const auto status = [&](const char* part) {
    return part_of(grade, part)["tests"][0]["status"].get<std::string>();
  };
  CHECK(status("1.1") == "crashed");
  CHECK(status("1.2") == "timed out");
  CHECK(part_of(grade, "1.3")["points"] == 2);
  CHECK(status("1.4") == "ended early");
  CHECK(status("1.7") == "failed");
  CHECK(part_of(grade, "1.7")["tests"][0]["message"].get<std::string>().find("got nan") !=
        std::string::npos);
  CHECK(part_of(grade, "1.8")["points"] == 2);
  CHECK(status("3.1") == "not written");
  CHECK(grade["notes"] == nlohmann::json{"tests.cpp was changed; the installed one was used",
                                         "network.h is missing; its parts count as not written"});
  // What cannot be compiled gets nothing, and the compiler's words.
  edit(lab + "/engine.h", "struct Edge", "strict Edge");
  const auto broken = graded(lab);
  CHECK(broken["built"] == false);
  CHECK(broken["points"] == 0);
  CHECK(broken["of"] == 57);
  CHECK(broken["compiler"].get<std::string>().find("engine.h") != std::string::npos);
}

TEST_CASE("lab: without solutions; what is refused") {
  const TempDir dir;
  REQUIRE(run_gradus({"lab", "pack", dir.path() + "/labs"}).code == 0);
  const Surroundings packed{.environment = {{"GRADUS_LABS", dir.path() + "/labs"}}};
  CHECK(dir.read("labs/01-scalar-engine/engine.h").find("SOLUTION") == std::string::npos);
  CHECK(run_gradus({"lab", "start", "1", dir.path() + "/start"}, packed).code == 0);
  CHECK(run_gradus({"lab", "solution", "1", dir.path() + "/solution"}, packed).code == 2);
  CHECK(!fs::exists(dir.path() + "/solution"));
  CHECK(run_gradus({"lab", "list", "--json"}, packed).out == run_gradus({"lab", "list", "--json"}).out);
  CHECK(run_gradus({"lab", "start", "99", dir.path() + "/other"}).code == 2);
  CHECK(run_gradus({"lab", "start", "1", dir.path() + "/start"}).code == 2);  // is there already
  CHECK(run_gradus({"lab", "grade", dir.path()}).code == 2);                  // is no lab
}
