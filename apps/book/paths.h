// Paths of optimizers on functions of two variables, each at the step size of one grid for all that ends lowest: what the book
// records and draws, and `gradus optim plot`.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "apps/book/rates.h"

namespace gradus {

/// A problem and the part of the plane that is shown.
struct PlaneView {
  const char* problem;
  double left, right, low, high;
};
/// ravine, rosenbrock, rastrigin, saddle, beale; the book shows the first four.
std::span<const PlaneView> plane_views();
/// Throws UsageError naming the valid ones and the nearest.
const PlaneView& plane_view(const std::string& problem);
inline constexpr size_t kBookProblems = 4;

inline constexpr int kPathSteps = 200;

struct PlanePath {
  double lr = 0;             ///< chosen or given; 0: the method has none
  double loss = 0;           ///< at the end
  std::vector<double> x, y;  ///< at most 40 points, the first is the start
  std::vector<double>
      sweep;        ///< final loss for each of path_rates(); infinite where it diverged; empty without lr
  std::string why;  ///< why there is none: "asks for the Gauss-Newton model"
};

/// `spec` ("adam", "adam:beta1=0.5", "lookahead(sgd)") on a problem. Without an lr of its own it is tuned; a wrapper without
/// anything inside goes around sgd, whose lr is tuned. The weights are a matrix of one row. Throws UsageError for unknown names
/// and options; a method that asks for what a plain function lacks has `why`.
PlanePath plane_path(const std::string& spec, const PlaneView& view);

using PathTable = std::map<std::string, std::map<std::string, PlanePath>>;  ///< by optimizer, then problem

/// On the four problems of the book, by problem.
std::map<std::string, PlanePath> paths_of(const std::string& optimizer);
std::string paths_text(const PathTable& paths);
/// Throws DataError, opened by `source`.
PathTable paths_from_text(const std::string& text, const std::string& source);

/// Level lines alone, as a file of its own that follows light and dark.
std::string contour_svg(const PlaneView& view);
struct NamedPath {
  std::string name;
  PlanePath path;
};
/// The paths over the level lines: drawn in (a file of its own), or the picture at `contour` below them (within a page).
std::string paths_svg(const PlaneView& view, const std::vector<NamedPath>& paths,
                      const std::string& contour = "");
/// Final loss over lr, both logarithmic.
std::string sweep_svg(const std::string& title, const std::vector<NamedPath>& paths, const std::string& id);

}  // namespace gradus
