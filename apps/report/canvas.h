// What plots have in common: the document around them, the legend, axes with grid and labels, markers.
#pragma once

#include <string>
#include <vector>

#include "apps/report/axis.h"
#include "apps/report/plot.h"

namespace gradus {

inline constexpr double kTextSize = 12.5, kTickSize = 12, kTitleSize = 14;

struct Point {
  double x, y;  ///< pixels
};

/// The rectangle that the axes enclose.
struct Box {
  double left, top, right, bottom;
};

/// An SVG document that grows from top to bottom.
class Canvas {
 public:
  Canvas(const SvgOptions& options, const std::string& title, const std::string& description);
  double width() const { return options_.width; }
  const SvgOptions& options() const { return options_; }
  /// Adds what is SVG already.
  void raw(const std::string& markup) { body_ += markup + "\n"; }
  /// A line of text at its baseline; anchor "start", "middle" or "end". If cut to `room`, the whole text is its tooltip.
  void text(double x, double y, const char* css, const std::string& text, const char* anchor = "start",
            double room = 1e9, double size = kTextSize);
  /// The document, `height` pixels high.
  std::string finish(double height) const;

 private:
  SvgOptions options_;
  std::string head_, body_;
};

struct LegendEntry {
  std::string name;
  int look;  ///< number of the series; -1: a reference line
  SeriesKind kind;
};
/// Draws the entries in rows from `top` on, beside no data. Returns where the next thing may begin.
double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double top);

/// Grid, ticks with labels and the frame. Labels of axes stand above the y axis and below the x axis.
void draw_axes(Canvas& canvas, const Box& box, const Axis& x, const Axis& y, const AxisSpec& x_spec,
               const AxisSpec& y_spec);
/// Only the x axis, for bars.
void draw_value_axis(Canvas& canvas, const Box& box, const Axis& x, const AxisSpec& spec);

/// An x axis with as many labels as fit beside each other.
Axis fitting_x_axis(const AxisSpec& spec, const Range& range, double left, double right);

/// Path data of marker number `look` around a point, `r` its radius: circle, square, triangle, diamond, plus, cross, triangle
/// downwards, star.
std::string marker_path(int look, const Point& at, double r = 3.2);
/// "M1 2L3 4 5 6".
std::string polyline(const std::vector<Point>& points);

/// The points that are needed to see the same line at this size: of those within a column of pixels (where x grows) the first,
/// least, largest and last, and of these none that lies within a quarter pixel of the line through the others.
std::vector<Point> thinned(const std::vector<Point>& points);

}  // namespace gradus
