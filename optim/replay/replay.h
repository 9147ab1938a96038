// Golden trajectories: runs a recorded problem through an optimizer and compares the parameters with those
// that a reference implementation reached.
//
//   {"format": "gradus-replay-1", "optimizer": "adam", "options": {"lr": 0.01},
//    "params": {"w": {"shape": [6, 4], "data": [...]}, ...},
//    "problem": {"kind": "gradients", "file": "gradients-a.json"},
//    "groups": [{"params": ["b"], "options": {"weight_decay": 0}}], "lr_scale": [1, 1, 0.5],
//    "expect": [{"step": 1, "params": {"w": [...]}}], "tolerance": 1e-9, "source": "..."}
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/real.h"

namespace gradus {

/// The largest relative error (max |a-b| / max |b| over a tensor) at one checked step.
struct ReplayStep {
  int64 step;
  double error;
  std::string worst;  ///< the tensor it was found in
};

struct ReplayReport {
  std::string file, optimizer, source;
  std::vector<ReplayStep> steps;
  double tolerance;      ///< of the file in float64, at least 2e-4 in float32
  double error() const;  ///< largest of all steps; NaN if any is
  bool passed() const { return error() <= tolerance; }
};

/// max |a - b| / max |b|; absolute where b is zero; NaN if a difference is.
double relative_error(const std::vector<double>& a, const std::vector<double>& b);
/// What a recorded tolerance means in this program: itself in float64, at least 2e-4 in float32.
double recorded_tolerance(double tolerance);

/// Throws DataError for a file that is missing or not of the form, UsageError for unknown optimizers and
/// options.
ReplayReport replay(const std::filesystem::path& file);

}  // namespace gradus
