// A function of two variables as a map of its levels (SVG), in the manner of plot.h.
#pragma once

#include <string>
#include <vector>

#include "apps/report/plot.h"

namespace gradus {

struct HeatMap {
  std::string title, x_label, y_label;
  std::vector<double> x, y;      ///< positions of columns and rows, ascending, equally far apart
  std::vector<double> values;    ///< row by row, the first row at y[0]; not finite: left blank
  bool log = false;              ///< levels the same factor apart, where all values are positive
  std::string description = {};  ///< by default the range of the values
};

/// A cell a value, darker where it is larger, in ten levels; a scale of them at the right. Throws ShapeError for values that are
/// not as many as x times y.
std::string svg(const HeatMap& map, const SvgOptions& options = {});

}  // namespace gradus
