// An axis: from values to pixels.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/report/ticks.h"

namespace gradus {

struct AxisSpec {
  std::string label;
  bool log = false;
  bool whole = false;               ///< ticks at whole numbers alone: steps, seeds
  std::optional<double> low, high;  ///< ends; by default around what is shown
};

/// The least and the largest of the values an axis can show.
struct Range {
  bool log = false;
  double low = 1, high = 0;  ///< low > high: nothing yet
  bool empty() const { return low > high; }
  void add(double v);
};

class Axis {
 public:
  /// Values `shown` between the pixels `from` and `to` (to < from for an axis upwards), with `margin` pixels free beyond
  /// either end that the spec does not fix. Nothing, or one value alone, gets a range around it.
  Axis(const AxisSpec& spec, const Range& shown, double from, double to, int most_ticks, double margin = 6);
  /// Finite (at most 1e150 in size), and positive on a logarithmic axis.
  bool shows(double v) const;
  /// The pixel of a value that the axis shows; beyond the ends as far as there is.
  double at(double v) const;
  /// The pixel of any value: those that are not shown, or beyond an end, at that end.
  double clamped(double v) const;
  double low() const { return low_; }
  double high() const { return high_; }
  const std::vector<Tick>& ticks() const { return ticks_; }
  /// The widest label.
  double label_width(double font_size) const;

 private:
  double scaled(double v) const;  // the logarithm on a logarithmic axis
  bool log_;
  double low_, high_, from_, to_;
  std::vector<Tick> ticks_;
};

}  // namespace gradus
