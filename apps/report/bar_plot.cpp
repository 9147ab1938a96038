#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/canvas.h"
#include "apps/report/markup.h"
#include "apps/report/plot.h"
#include "apps/report/style.h"

namespace gradus {
namespace {

std::string text_beside(const Bar& bar) {
  std::string text = bar.text;
  if (text.empty() && std::isfinite(bar.value))
    text = bar.deviation > 0 ? fmt::format("{:.4g} ± {:.2g}", bar.value, bar.deviation)
                             : fmt::format("{:.4g}", bar.value);
  if (text.empty()) text = bar.note.empty() ? "no data" : "";
  return bar.note.empty() ? text : text + (text.empty() ? "" : ", ") + bar.note;
}

// What the values, whiskers and points span.
Range span_of(const BarPlot& plot) {
  Range range{.log = plot.value.log};
  for (const Bar& b : plot.bars) {
    range.add(b.value), range.add(b.value - b.deviation), range.add(b.value + b.deviation);
    for (const double p : b.points) range.add(p);
  }
  return range;
}

std::string bars_described(const BarPlot& plot) {
  std::string text;
  for (const Bar& b : plot.bars) text += fmt::format("{}: {}. ", b.name, text_beside(b));
  if (!text.empty()) text.pop_back();
  return text.empty() ? "No data." : text;
}

struct BarRow {
  const Bar& bar;
  double middle;
};

// The bar from zero with its whisker on it, or without zero a point with its whisker; the single values below.
std::string drawn_bar(const BarRow& row, const Axis& axis, bool from_zero) {
  constexpr double kHalf = 8;
  const Bar& b = row.bar;
  const std::string y = px(row.middle);
  std::string out;
  if (axis.shows(b.value)) {
    const double end = axis.at(b.value);
    if (from_zero) {
      const double zero = axis.at(0);
      out += fmt::format(
          "<rect class=\"bar\" fill=\"currentColor\" fill-opacity=\".75\" x=\"{}\" y=\"{}\" width=\"{}\" "
          "height=\"{}\"/>",
          px(std::min(zero, end)), px(row.middle - kHalf), px(std::abs(end - zero)), px(2 * kHalf));
    } else {
      out += fmt::format("<path class=\"marks\" d=\"{}\"/>",
                         marker_path(series_marker(b.colour), {end, row.middle}, 4.5));
    }
    if (b.deviation > 0) {
      const std::string low = px(axis.clamped(b.value - b.deviation)),
                        high = px(axis.clamped(b.value + b.deviation));
      out += fmt::format(
          "<path class=\"{0}\" fill=\"none\" stroke=\"currentColor\" d=\"M{1} {3}H{2}M{1} {4}v8M{2} "
          "{4}v8\"/>",
          from_zero ? "on-bar" : "whisker", low, high, y, px(row.middle - 4));
    }
  }
  std::string single;
  for (const double p : b.points)
    if (axis.shows(p)) single += fmt::format("M{} {}v5", px(axis.at(p)), px(row.middle + kHalf - 1));
  if (!single.empty())
    out += fmt::format("<path class=\"on-bar\" stroke=\"currentColor\" d=\"{}\"/>", single);
  return out;
}

}  // namespace

std::string svg(const BarPlot& plot, const SvgOptions& options) {
  constexpr double kRow = 28;
  Range range = span_of(plot);
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  // Bars from zero hide what differs by less than a tenth of them.
  const bool from_zero =
      !plot.value.log && !plot.value.low &&
      (range.empty() || range.low <= 0 || range.high - range.low > 0.1 * size || range.high == range.low);
  AxisSpec spec = plot.value;
  if (from_zero && !range.empty()) {
    range.add(0);
    if (range.low == 0) spec.low = 0;
    if (range.high == 0) spec.high = 0;
  }

  Canvas canvas(options, plot.title, plot.description.empty() ? bars_described(plot) : plot.description);
  double top = 6;
  if (!plot.title.empty()) {
    canvas.text(8, top + 14, "title", plot.title, "start", canvas.width() - 16, kTitleSize);
    top += 24;
  }
  double names = 0, texts = 0;
  for (const Bar& b : plot.bars) {
    names = std::max(names, text_width(b.name, kTextSize));
    texts = std::max(texts, text_width(text_beside(b), kTickSize));
  }
  names = std::min(names, canvas.width() * 0.32);
  texts = std::min(texts, canvas.width() * 0.3);
  const Box box{8 + names + 8, top + 4, canvas.width() - texts - 18,
                top + 4 + kRow * std::max(1.0, static_cast<double>(plot.bars.size()))};
  const Axis axis = fitting_x_axis(spec, range, box.left, box.right);
  draw_value_axis(canvas, box, axis, plot.value);
  for (std::size_t i = 0; i < plot.bars.size(); ++i) {
    const Bar& b = plot.bars[i];
    const BarRow row{b, box.top + kRow * (static_cast<double>(i) + 0.45)};
    const int colour = series_colour(b.colour);
    canvas.text(box.left - 8, row.middle + 4, "name", b.name, "end", names + 1);
    if (const std::string drawn = drawn_bar(row, axis, from_zero); !drawn.empty())
      canvas.raw(fmt::format("<g class=\"c{}\" color=\"{}\">{}</g>", colour,
                             kSeriesLooks[static_cast<std::size_t>(colour)].light, drawn));
    canvas.text(box.right + 10, row.middle + 4, "tick", text_beside(b), "start", texts + 1, kTickSize);
  }
  if (plot.bars.empty())
    canvas.text((box.left + box.right) / 2, (box.top + box.bottom) / 2 + 4, "label", "no data", "middle");
  return canvas.finish(box.bottom + (plot.value.label.empty() ? 24 : 40));
}

}  // namespace gradus
