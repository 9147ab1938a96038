#include "apps/report/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/canvas.h"
#include "apps/report/markup.h"
#include "apps/report/style.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr int kLevels = 10;

// From values to levels 0 .. kLevels-1.
class Levels {
 public:
  explicit Levels(const HeatMap& map) {
    double low = INFINITY, high = -INFINITY;
    for (const double v : map.values)
      if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
    any_ = low <= high;
    log_ = map.log && low > 0;
    low_ = scaled(low), high_ = scaled(high);
  }
  bool any() const { return any_; }
  int of(double v) const {
    if (!(high_ > low_)) return 0;
    const double share = (scaled(v) - low_) / (high_ - low_);
    return std::clamp(static_cast<int>(share * kLevels), 0, kLevels - 1);
  }
  /// The value where level k begins; kLevels: the largest.
  double start(int k) const {
    const double v = low_ + (high_ - low_) * k / kLevels;
    return log_ ? std::exp(v) : v;
  }

 private:
  double scaled(double v) const { return log_ ? std::log(v) : v; }
  bool any_ = false, log_ = false;
  double low_ = 0, high_ = 0;
};

std::string opacity(int level) { return fmt::format("{:.2f}", 0.06 + 0.9 * level / (kLevels - 1)); }

}  // namespace

std::string svg(const HeatMap& map, const SvgOptions& options) {
  const size_t columns = map.x.size(), rows = map.y.size();
  if (map.values.size() != columns * rows)
    fail<ShapeError>("heat map: {} values for {} columns and {} rows", map.values.size(), columns, rows);
  const Levels levels(map);
  const std::string range =
      levels.any() ? fmt::format("From {:.4g} to {:.4g}.", levels.start(0), levels.start(kLevels))
                   : "No data.";
  Canvas canvas(options, map.title, map.description.empty() ? range : map.description);
  double top = 6;
  if (!map.title.empty()) {
    canvas.text(8, top + 14, "title", map.title, "start", canvas.width() - 16, kTitleSize);
    top += 24;
  }
  if (!map.y_label.empty()) {
    canvas.text(8, top + 12, "label", map.y_label);
    top += 20;
  }
  const double side = std::max(80.0, canvas.width() - 150);
  const Box box{44, top + 4, 44 + side, top + 4 + side};
  const auto spec = [](const std::vector<double>& at, const std::string& label) {
    AxisSpec s{.label = label};
    if (at.size() > 1) {
      const double half = (at.back() - at.front()) / static_cast<double>(at.size() - 1) / 2;
      s.low = at.front() - half, s.high = at.back() + half;
    }
    return s;
  };
  Range x_range, y_range;
  for (const double v : map.x) x_range.add(v);
  for (const double v : map.y) y_range.add(v);
  const AxisSpec x_spec = spec(map.x, map.x_label), y_spec = spec(map.y, "");
  const Axis x = fitting_x_axis(x_spec, x_range, box.left, box.right);
  const Axis y(y_spec, y_range, box.bottom, box.top, 6);
  // One path a level: runs of equal cells, so that a map of many cells stays a small file.
  std::vector<std::string> paths(kLevels);
  const double width = side / static_cast<double>(std::max<size_t>(columns, 1)),
               height = side / static_cast<double>(std::max<size_t>(rows, 1));
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns;) {
      const double v = map.values[r * columns + c];
      size_t end = c + 1;
      if (std::isfinite(v)) {
        const int level = levels.of(v);
        while (end < columns && std::isfinite(map.values[r * columns + end]) &&
               levels.of(map.values[r * columns + end]) == level)
          ++end;
        paths[static_cast<size_t>(level)] += fmt::format(
            "M{} {}h{}v{}h-{}z", px(box.left + width * static_cast<double>(c)),
            px(box.bottom - height * static_cast<double>(r + 1)), px(width * static_cast<double>(end - c)),
            px(height), px(width * static_cast<double>(end - c)));
      }
      c = end;
    }
  std::string cells;
  for (int k = 0; k < kLevels; ++k)
    if (!paths[static_cast<size_t>(k)].empty())
      cells += fmt::format("<path fill=\"currentColor\" fill-opacity=\"{}\" d=\"{}\"/>", opacity(k),
                           paths[static_cast<size_t>(k)]);
  // The scale, the largest on top.
  const double step = side / kLevels, left = box.right + 18;
  for (int k = 0; levels.any() && k < kLevels; ++k)
    cells += fmt::format(
        "<rect fill=\"currentColor\" fill-opacity=\"{}\" x=\"{}\" y=\"{}\" width=\"14\" height=\"{}\"/>",
        opacity(k), px(left), px(box.bottom - step * (k + 1)), px(step));
  canvas.raw(fmt::format("<g class=\"c0\" color=\"{}\">{}</g>", kSeriesLooks[0].light, cells));
  for (int k = 0; levels.any() && k <= kLevels; k += 2)
    canvas.text(left + 20, box.bottom - step * k + 4, "tick", fmt::format("{:.3g}", levels.start(k)), "start",
                1e9, kTickSize);
  draw_axes(canvas, box, x, y, x_spec, y_spec);
  return canvas.finish(box.bottom + (map.x_label.empty() ? 24 : 40));
}

}  // namespace gradus
