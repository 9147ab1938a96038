// Course labs as they lie on the disk: a folder a lab, NN-name/, with
//   lab.json     title, hours, the student's files (everything else is given), recorded figures
//   README.md    the handout
//   tests.cpp    the tests, with points (common/lab_test.h)
// What all labs share is in common/. The student's files are the tested solution: a starter is made by cutting their regions
//   // BEGIN SOLUTION 1.2
//   ...
//   // END SOLUTION
// which leaves a line that throws "part 1.2 is not written yet".
#pragma once

#include <map>
#include <string>
#include <vector>

namespace gradus {

struct Lab {
  int number = 0;
  std::string name;                ///< "01-scalar-engine"
  std::string title, hours;        ///< "A scalar engine", "2 to 3"
  std::string folder;              ///< where it lies
  std::vector<std::string> files;  ///< the student's, relative to the folder
  std::vector<std::string>
      records;  ///< recorded figures it is checked against, files of the folder records/ beside labs/
  std::vector<std::string> parts;  ///< of its blanks, in order
  bool solved = false;             ///< the solution is there (an installation may leave it out)
};

/// Where the labs lie: $GRADUS_LABS, else share/gradus/labs beside the bin/ of the running program. Throws DataError.
std::string labs_folder();
/// All labs below `folder`, by number. Throws DataError for a damaged one.
std::vector<Lab> read_labs(const std::string& folder);
/// Throws UsageError naming the numbers there are.
Lab find_lab(const std::string& folder, int number);

/// The text of a student's file with its marked regions cut. Throws DataError, with `file` and line, for a region that does not
/// end, or begins within another, or names no part.
std::string cut_solutions(const std::string& text, const std::string& file);

/// The files of a starter but for the student's own, by their paths in it: handout, tests, build file.
std::map<std::string, std::string> given_files(const Lab& lab);
/// The student's files, with blanks, or (solved) without. Throws UsageError where the solution is not installed.
std::map<std::string, std::string> student_files(const Lab& lab, bool solved);

/// Writes a starter, or the solution, into `to`, which must be new or empty. Throws UsageError, DataError.
void write_project(const Lab& lab, const std::string& to, bool solved);
/// Writes all labs as starters, for an installation without solutions.
void write_labs_without_solutions(const std::string& from, const std::string& to);

}  // namespace gradus
