// Figures of papers' functions recorded from reference implementations, from tests/cases.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "apps/papers/case_file.h"
#include "apps/papers/paper.h"
#include "tests/paths.h"

namespace gradus::recorded_cases {

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(tests::tests_dir() / "cases"))
    if (entry.path().extension() == ".json") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

TEST_CASE("recorded cases: every one holds within its tolerance") {
  CHECK(!files().empty());
  for (const auto& path : files()) {
    const CaseFile file = read_case(path.string());
    const CaseReport report = check_case(file, function_of(file));
    INFO(path.filename().string() << " error " << report.error() << " tolerance " << report.tolerance);
    CHECK((report.skipped || !report.outputs.empty()));
    CHECK(report.passed());
    if (std::getenv("GRADUS_GOLDEN_ERRORS")) MESSAGE(path.filename().string() << " " << report.error());
  }
}

TEST_CASE("recorded cases: every function of every paper has one") {
  const auto covered = [](const std::string& slug, const std::vector<CaseFunction>& functions) {
    for (const CaseFunction& f : functions) {
      const std::string start = slug + "--" + f.text.name;
      const auto all = files();
      INFO(start);
      CHECK(std::any_of(all.begin(), all.end(), [&](const auto& path) {
        const std::string name = path.stem().string();
        return name == start || name.starts_with(start + "--");
      }));
    }
  };
  for (const Paper& paper : papers()) covered(paper.slug, paper.functions);
  for (const Baselines& b : baselines()) covered(b.slug, b.functions);
}

}  // namespace gradus::recorded_cases
