// Grading a student's lab: the given files come from the installation, the student's from the project; both are built beside the
// project (DIR/.grade), and each test runs in a process of its own.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gradus {

struct GradedTest {
  std::string part, name;
  int points = 0, of = 0;
  std::string status;   ///< passed, failed, not written, crashed, timed out, ended early, not built
  std::string message;  ///< what was expected, what came, on which input, a hint
};

struct Grade {
  int lab = 0;
  std::string title;
  bool built = false;
  std::string compiler;            ///< its messages, where the project cannot be built
  std::vector<std::string> notes;  ///< missing files, changed test files
  std::vector<GradedTest> tests;
  int points() const;
  int of() const;
};

struct GradeOptions {
  std::string part;     ///< "3.2", or "3" for all of 3.1, 3.2, ...; "": all
  double seconds = 10;  ///< a test may take
  /// Told before each test.
  std::function<void(const std::string& what)> progress = nullptr;
};

/// Throws UsageError where `folder` is no lab or has no such part, DataError where it cannot be read, or nothing can be built
/// (no cmake).
Grade grade_lab(const std::string& labs, const std::string& folder, const GradeOptions& options = {});

/// For people, and for a course's grader.
std::string grade_text(const Grade& grade);
nlohmann::ordered_json grade_json(const Grade& grade);

}  // namespace gradus
