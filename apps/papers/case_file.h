// Cases: small problems with recorded results, for functions of papers as trajectories are for optimizers.
//
//   {"format": "gradus-case-1", "paper": "neuralndcg", "function": "neural-sort", "options": {"temperature": 1},
//    "inputs": {"scores": {"shape": [1, 3], "data": [1, 3, 2]}, "mask": {"shape": [1, 3], "type": "int", "data": [0, 0, 0]}},
//    "expect": {"permutation": {"shape": [1, 3, 3], "data": [...]}}, "tolerance": 1e-9, "source": "..."}
//
// "expect" holds all outputs of the function; one that may be absent is there if and only if the function gives it. "double_only": true
// leaves a case to gradus64.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

inline constexpr const char* kCaseFormat = "gradus-case-1";

/// The function of a paper, or of the baselines that several papers share. Throws UsageError with the nearest name.
const CaseFunction& find_case_function(const std::string& paper, const std::string& function);

/// A case, read; its inputs are checked when it is called.
struct CaseFile {
  std::string path, paper, function, source;
  nlohmann::json json;
  double tolerance = 0;  ///< as recorded
  bool double_only = false;
};
/// Throws DataError naming file and field for what is not of the form.
CaseFile read_case(const std::string& path);
/// The function it is of. Throws as find_case_function, naming the file.
const CaseFunction& function_of(const CaseFile& file);

/// How far an output is from the recorded one.
struct CaseOutput {
  std::string name;
  double error = 0;  ///< max |a - b| / max |b|, absolute where b is zero
  bool passed = false;
  std::string note;  ///< why not, where the error does not say it
};

struct CaseReport {
  std::vector<CaseOutput> outputs;
  double tolerance = 0;  ///< in this program: at least 2e-4 in float32. Integers are to be equal
  bool skipped = false;  ///< for the other program
  double error() const;  ///< largest of all outputs; NaN if any is
  bool passed() const;
};

/// Calls the function on the case's inputs. Throws UsageError for an option it does not have; DataError naming file and
/// field for inputs that are missing, surplus, not finite, of another type or shape, or that it refuses.
CaseValues call_case(const CaseFile& file, const CaseFunction& function);
/// Calls and compares. Throws as call_case, and DataError for expected outputs that are missing, surplus, or of
/// another type or shape.
CaseReport check_case(const CaseFile& file, const CaseFunction& function);

/// Values as "expect" holds them, an output a line; numbers so that they read back exactly.
std::string case_json(const CaseValues& values);

}  // namespace gradus
