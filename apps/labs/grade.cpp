#include "apps/labs/grade.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "apps/labs/child.h"
#include "apps/labs/lab.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json_file.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr double kBuildSeconds = 600;
constexpr long kTestMemory = 8L << 30;

std::string text_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Writes what has changed only: what is built stays good.
void refresh(const fs::path& path, const std::string& text) {
  std::error_code none;
  if (fs::exists(path, none) && text_of_file(path) == text) return;
  fs::create_directories(path.parent_path(), none);
  if (none) fail<DataError>("{}: {}", path.parent_path().string(), none.message());
  write_file(path.string(), text);
}

int lab_number(const fs::path& folder) {
  const fs::path file = folder / "lab.json";
  if (!fs::exists(file))
    fail<UsageError>("{}: has no lab.json, so it is no lab; 'gradus lab start N DIR' writes one",
                     folder.string());
  const nlohmann::json json = read_json(file.string());
  if (!json.is_object() || !json.contains("lab") || !json["lab"].is_number_integer())
    fail<DataError>("{}: does not say which lab this is (\"lab\": N)", file.string());
  return json["lab"].get<int>();
}

// The lines that begin at the first error, as far as a page goes.
std::string first_errors(const std::string& output) {
  constexpr int kLines = 30;
  const size_t error = output.find("error");
  const size_t line = error == std::string::npos ? 0 : output.rfind('\n', error) + 1;
  std::istringstream lines(output.substr(line));
  std::string text, next;
  for (int i = 0; i < kLines && std::getline(lines, next); ++i) text += next + "\n";
  return text;
}

bool belongs_to(const std::string& part, const std::string& wanted) {
  return wanted.empty() || part == wanted || part.starts_with(wanted + ".");
}

// What the grading folder is made of; says what is missing or changed.
void gather(const Lab& lab, const fs::path& project, const fs::path& source,
            std::vector<std::string>& notes) {
  for (const auto& [name, text] : given_files(lab)) {
    refresh(source / name, text);
    if (name == "README.md" || name == "lab.json" || name.ends_with(".svg"))
      continue;  // nothing hangs on them
    if (!fs::is_regular_file(project / name))
      notes.push_back(fmt::format("{} is missing; the installed one was used", name));
    else if (text_of_file(project / name) != text)
      notes.push_back(fmt::format("{} was changed; the installed one was used", name));
  }
  for (const auto& [name, text] : student_files(lab, false)) {
    const bool there = fs::is_regular_file(project / name);
    if (!there) notes.push_back(fmt::format("{} is missing; its parts count as not written", name));
    refresh(source / name, there ? text_of_file(project / name) : text);
  }
}

std::vector<GradedTest> listed_tests(const std::string& output) {
  std::vector<GradedTest> tests;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const size_t a = line.find('\t'), b = line.find('\t', a + 1);
    if (a == std::string::npos || b == std::string::npos) continue;
    tests.push_back({.part = line.substr(0, a),
                     .name = line.substr(b + 1),
                     .of = std::stoi(line.substr(a + 1, b - a - 1))});
  }
  return tests;
}

// The tests by the text of tests.cpp, where no program could be built.
std::vector<GradedTest> unbuilt_tests(const std::string& source) {
  std::vector<GradedTest> tests;
  constexpr std::string_view kTest = "LAB_TEST(\"";
  for (size_t at = source.find(kTest); at != std::string::npos; at = source.find(kTest, at + 1)) {
    const size_t part = at + kTest.size(), end = source.find('"', part);
    const size_t points = source.find_first_of("0123456789", end), name = source.find('"', points);
    GradedTest test{.part = source.substr(part, end - part),
                    .name = source.substr(name + 1, source.find('"', name + 1) - name - 1),
                    .of = std::stoi(source.substr(points))};
    test.status = "not built";
    tests.push_back(test);
  }
  return tests;
}

void run_one(GradedTest& test, size_t index, const fs::path& build, double seconds) {
  const fs::path report = build / "report.txt";
  std::error_code none;
  fs::remove(report, none);
  const ChildResult run =
      run_child({(build / "tests").string(), "--run", std::to_string(index), "--report", report.string()},
                build.string(), seconds, kTestMemory);
  const std::string text = text_of_file(report);
  if (run.timed_out) {
    test.status = "timed out";
    test.message = fmt::format("no end after {} seconds: a loop that does not end?", seconds);
  } else if (run.signal) {
    test.status = "crashed";
    test.message = signal_text(run.signal);
  } else if (run.code != 0 || text.empty()) {
    test.status = "ended early";
    test.message = fmt::format("the program ended, with code {}, before the test did", run.code);
  } else {
    const size_t line = text.find('\n');
    test.status = text.substr(0, line);
    test.message = line == std::string::npos ? "" : text.substr(line + 1);
    if (test.status == "passed") test.points = test.of;
  }
}

}  // namespace

int Grade::points() const {
  int sum = 0;
  for (const GradedTest& t : tests) sum += t.points;
  return sum;
}
int Grade::of() const {
  int sum = 0;
  for (const GradedTest& t : tests) sum += t.of;
  return sum;
}

Grade grade_lab(const std::string& labs, const std::string& folder, const GradeOptions& options) {
  const fs::path project = fs::absolute(folder).lexically_normal();
  const Lab lab = find_lab(labs, lab_number(project));
  Grade grade{.lab = lab.number, .title = lab.title};
  const fs::path source = project / ".grade/source", build = project / ".grade/build";
  gather(lab, project, source, grade.notes);
  const auto say = [&](const std::string& what) {
    if (options.progress) options.progress(what);
  };
  say("building");
  ChildResult made{.code = 0};
  // The folder of the running installation comes first, so that labs that link gradus find the one that grades them.
  const std::string prefix = fs::path(labs).parent_path().parent_path().parent_path().string();
  if (!fs::exists(build / "CMakeCache.txt"))
    made = run_child({"cmake", "-S", source.string(), "-B", build.string(), "-DCMAKE_PREFIX_PATH=" + prefix},
                     project.string(), kBuildSeconds);
  if (made.code == 0) made = run_child({"cmake", "--build", build.string()}, project.string(), kBuildSeconds);
  grade.built = made.code == 0;
  if (!grade.built) {
    grade.compiler = made.timed_out ? "the build did not end" : first_errors(made.output);
    grade.tests = unbuilt_tests(text_of_file(source / "tests.cpp"));
  } else {
    grade.tests = listed_tests(
        run_child({(build / "tests").string(), "--list"}, build.string(), options.seconds).output);
    if (grade.tests.empty())  // (an endless loop or a crash before main, in the student's global objects)
      grade.tests = unbuilt_tests(text_of_file(source / "tests.cpp"));
  }
  const bool known = std::any_of(grade.tests.begin(), grade.tests.end(),
                                 [&](const GradedTest& t) { return belongs_to(t.part, options.part); });
  if (!known)
    fail<UsageError>("lab {} has no part {}; there are {}", lab.number, options.part,
                     fmt::join(lab.parts, ", "));
  for (size_t i = 0; i < grade.tests.size() && grade.built; ++i) {
    if (!belongs_to(grade.tests[i].part, options.part)) continue;
    say(grade.tests[i].part + " " + grade.tests[i].name);
    run_one(grade.tests[i], i, build, options.seconds);
  }
  std::erase_if(grade.tests, [&](const GradedTest& t) { return !belongs_to(t.part, options.part); });
  return grade;
}

std::string grade_text(const Grade& grade) {
  std::string text = fmt::format("Lab {}: {}\n", grade.lab, grade.title);
  for (const std::string& note : grade.notes) text += "  note: " + note + "\n";
  if (!grade.built) text += "  it cannot be built:\n\n" + grade.compiler + "\n";
  for (const GradedTest& t : grade.tests) {
    text += fmt::format("{:>3}/{:<3} {:<5} {}{}\n", t.points, t.of, t.part, t.name,
                        t.status == "passed" ? "" : "  [" + t.status + "]");
    if (!t.message.empty() && t.status != "not written") {
      std::istringstream lines(t.message);
      for (std::string line; std::getline(lines, line);) text += "              " + line + "\n";
    }
  }
  return text + fmt::format("{} of {} points\n", grade.points(), grade.of());
}

nlohmann::ordered_json grade_json(const Grade& grade) {
  nlohmann::ordered_json json{{"lab", grade.lab},    {"title", grade.title}, {"points", grade.points()},
                              {"of", grade.of()},    {"built", grade.built}, {"compiler", grade.compiler},
                              {"notes", grade.notes}};
  // Parts in the order of their first tests, each with its tests.
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  for (const GradedTest& t : grade.tests) {
    auto part = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p["part"] == t.part; });
    if (part == parts.end()) {
      parts.push_back(
          {{"part", t.part}, {"points", 0}, {"of", 0}, {"tests", nlohmann::ordered_json::array()}});
      part = std::prev(parts.end());
    }
    (*part)["points"] = (*part)["points"].get<int>() + t.points;
    (*part)["of"] = (*part)["of"].get<int>() + t.of;
    (*part)["tests"].push_back(
        {{"name", t.name}, {"points", t.points}, {"of", t.of}, {"status", t.status}, {"message", t.message}});
  }
  json["parts"] = parts;
  return json;
}

}  // namespace gradus
