// Plots as SVG: lines with bands, points, bars with deviations. No script, no font, nothing from outside; colours are CSS
// variables that follow the reader's light or dark scheme, and series differ by dash and marker too.
//
//   const std::string file = svg(LinePlot{.title = "Test loss", .x = {.label = "epoch"}, .y = {.label = "loss", .log = true},
//                                         .series = {{.name = "adam", .x = {1, 2, 3}, .y = {0.9, 0.5, 0.4}}}});
#pragma once

#include <string>
#include <vector>

#include "apps/report/axis.h"

namespace gradus {

/// Where something went wrong for good: a cross on the series at its last value up to `x`.
struct Divergence {
  double x;
  std::string text;  ///< "seed 2: the loss is nan at step 31"
};

enum class SeriesKind {
  kLine,
  kPoints,
  kReference,  ///< a thin line of no colour of its own: a diagonal, a bound
};

struct Series {
  std::string name;
  std::vector<double> x, y;  ///< what the axes cannot show is a gap: NaN, infinities, y <= 0 on a log axis
  std::vector<double> low, high;  ///< a band around y, as long as y; or empty
  SeriesKind kind = SeriesKind::kLine;
  std::vector<Divergence> diverged = {};
  bool marked = false;  ///< markers also on a series that is alone
};

struct LinePlot {
  std::string title;
  AxisSpec x, y;
  std::vector<Series> series;
  std::string description = {};  ///< for those who do not see it; by default what the series span
};

struct Bar {
  std::string name;
  double value;                      ///< NaN: none, and `note` says why
  double deviation = 0;              ///< a whisker to either side
  std::vector<double> points = {};   ///< the single values, a small mark each
  int colour = 0;                    ///< number of a series' colour
  std::string text = {}, note = {};  ///< beside the bar; by default the value; behind it
};

/// Bars from zero to the right, names at the left. Where all values lie so near to each other that bars from zero would
/// hide what differs, or on a log axis, points with whiskers on an axis without zero.
struct BarPlot {
  std::string title;
  AxisSpec value;
  std::vector<Bar> bars;
  std::string description = {};
};

struct SvgOptions {
  std::string id = "plot";  ///< of its own within a page
  bool standalone = true;   ///< with the style inside; false: within a page that has plot_style()
  double width = 440,
         height = 200;  ///< of the drawing, and of the plot's inside (bars: as high as they need)
};

/// Throws ShapeError for a series whose lists differ in length.
std::string svg(const LinePlot& plot, const SvgOptions& options = {});
std::string svg(const BarPlot& plot, const SvgOptions& options = {});

/// Whether positive values are so far apart that only a logarithmic axis shows them: the largest above 20 times the median.
bool wide_range(std::vector<double> values);

}  // namespace gradus
