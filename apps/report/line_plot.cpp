#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/report/canvas.h"
#include "apps/report/markup.h"
#include "apps/report/plot.h"
#include "apps/report/style.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_series(const Series& s) {
  const auto fits = [&](const std::vector<double>& band) {
    return band.empty() || band.size() == s.y.size();
  };
  if (s.x.size() != s.y.size() || !fits(s.low) || !fits(s.high) || s.low.empty() != s.high.empty())
    fail<ShapeError>("plot: series '{}' has {} x, {} y, {} low and {} high values", s.name, s.x.size(),
                     s.y.size(), s.low.size(), s.high.size());
}

struct Ranges {
  Range x, y;
};
Ranges ranges_of(const LinePlot& plot) {
  Ranges r;
  r.x.log = plot.x.log, r.y.log = plot.y.log;
  for (const Series& s : plot.series)
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      Range x{.log = plot.x.log}, y{.log = plot.y.log};  // both must be there for a point
      x.add(s.x[i]), y.add(s.y[i]);
      if (x.empty() || y.empty()) continue;
      r.x.add(s.x[i]), r.y.add(s.y[i]);
      if (!s.low.empty()) r.y.add(s.low[i]), r.y.add(s.high[i]);
    }
  return r;
}

// "adam: loss 0.9 to 0.4 over epoch 1 to 3", one sentence a series.
std::string described(const LinePlot& plot) {
  const auto finite = [](double v) { return std::isfinite(v); };
  std::string text;
  for (const Series& s : plot.series) {
    Range x{.log = plot.x.log}, y{.log = plot.y.log};
    for (const double v : s.x) x.add(v);
    for (const double v : s.y) y.add(v);
    if (s.kind == SeriesKind::kReference) continue;
    if (x.empty() || y.empty())
      text += fmt::format("{}: no data. ", s.name);
    else if (s.kind == SeriesKind::kPoints)
      text += fmt::format("{}: {} points, {} {:.4g} to {:.4g}, {} {:.4g} to {:.4g}. ", s.name, s.x.size(),
                          plot.x.label, x.low, x.high, plot.y.label, y.low, y.high);
    else
      text += fmt::format("{}: {} from {:.4g} to {:.4g} over {} {:.4g} to {:.4g}. ", s.name, plot.y.label,
                          *std::find_if(s.y.begin(), s.y.end(), finite),
                          *std::find_if(s.y.rbegin(), s.y.rend(), finite), plot.x.label, x.low, x.high);
    for (const Divergence& d : s.diverged) text += fmt::format("{} ", d.text);
  }
  if (!text.empty()) text.pop_back();
  return text.empty() ? "No data." : text;
}

// Draws one series.
class SeriesPen {
 public:
  SeriesPen(const Series& s, const Axis& x, const Axis& y, const Box& box, int look, bool markers)
      : s_(s), x_(x), y_(y), box_(box), look_(look), markers_(markers) {}

  std::string markup() const {
    std::string out;
    if (s_.kind == SeriesKind::kPoints) {
      out = points();
    } else {
      for (std::size_t begin = 0, end; begin < s_.x.size(); begin = end) {
        while (begin < s_.x.size() && !shown(begin)) ++begin;
        for (end = begin; end < s_.x.size() && shown(end);) ++end;
        if (begin < end) out += stretch(begin, end);
      }
      if (markers_) out += marks();
    }
    for (const Divergence& d : s_.diverged) out += cross(d);
    return out;
  }

 private:
  bool shown(std::size_t i) const { return x_.shows(s_.x[i]) && y_.shows(s_.y[i]); }
  Point point(std::size_t i) const { return {x_.at(s_.x[i]), y_.at(s_.y[i])}; }

  // A line without gaps, its band below it.
  std::string stretch(std::size_t begin, std::size_t end) const {
    std::vector<Point> line, upper, lower;
    for (std::size_t i = begin; i < end; ++i) {
      line.push_back(point(i));
      if (s_.low.empty()) continue;
      upper.push_back({line.back().x, y_.clamped(s_.high[i])});
      lower.push_back({line.back().x, y_.clamped(s_.low[i])});
    }
    std::string out;
    if (end - begin == 1) {
      const Point p = line[0];
      if (!upper.empty() && upper[0].y != lower[0].y)
        out += fmt::format("<path class=\"whisker\" d=\"M{0} {1}V{2}M{3} {1}h8M{3} {2}h8\"/>", px(p.x),
                           px(lower[0].y), px(upper[0].y), px(p.x - 4));
      // With markers on, it gets one like the others.
      return markers_ ? out : out + mark(p);
    }
    if (!upper.empty()) {
      std::vector<Point> band = thinned(upper), back = thinned(lower);
      band.insert(band.end(), back.rbegin(), back.rend());
      out += fmt::format("<path class=\"band\" fill-opacity=\".17\" d=\"{}Z\"/>", polyline(band));
    }
    if (s_.kind == SeriesKind::kReference)
      return out + fmt::format("<path class=\"reference\" fill=\"none\" stroke=\"#777\" d=\"{}\"/>",
                               polyline(thinned(line)));
    const char* dash = series_dash(look_);
    return out + fmt::format("<path class=\"line\" fill=\"none\" stroke=\"currentColor\"{} d=\"{}\"/>",
                             *dash ? fmt::format(" stroke-dasharray=\"{}\"", dash) : "",
                             polyline(thinned(line)));
  }

  std::string mark(const Point& p) const {
    return fmt::format("<path class=\"marks\" d=\"{}\"/>", marker_path(series_marker(look_), p));
  }

  // At every point of a short series, else at some eight; those of other series stand elsewhere.
  std::string marks() const {
    const std::size_t n = s_.x.size(), every = n <= 16 ? 1 : (n + 7) / 8;
    const std::size_t first = every == 1 ? 0 : every * static_cast<std::size_t>(1 + look_ % 4) / 5;
    std::string d;
    for (std::size_t i = first; i < n; i += every)
      if (shown(i)) d += marker_path(series_marker(look_), point(i));
    return d.empty() ? "" : fmt::format("<path class=\"marks\" d=\"{}\"/>", d);
  }

  // Markers, or dots where they are many; where two would cover each other, one.
  std::string points() const {
    constexpr std::size_t kMostMarkers = 200;
    const bool many = s_.x.size() > kMostMarkers;
    std::set<std::pair<int, int>> taken;
    std::string d;
    for (std::size_t i = 0; i < s_.x.size(); ++i) {
      if (!shown(i)) continue;
      const Point p = point(i);
      if (!taken.emplace(static_cast<int>(std::lround(p.x)), static_cast<int>(std::lround(p.y))).second)
        continue;
      d += many ? fmt::format("M{} {}h0", px(std::round(p.x)), px(std::round(p.y)))
                : marker_path(series_marker(look_), p, 2.6);
    }
    return d.empty() ? "" : fmt::format("<path class=\"{}\" d=\"{}\"/>", many ? "dots" : "marks", d);
  }

  std::string cross(const Divergence& d) const {
    Point at{x_.clamped(d.x), box_.top + 7};
    for (std::size_t i = 0; i < s_.x.size(); ++i)
      if (shown(i) && s_.x[i] <= d.x) at = point(i);
    const std::string path = marker_path(5, at, 7);
    return fmt::format(
        "<g><title>{0}</title><path class=\"lost\" stroke=\"#fff\" d=\"{1}\"/>"
        "<path class=\"lost\" stroke=\"currentColor\" d=\"{1}\"/></g>",
        escaped(d.text), path);
  }

  const Series& s_;
  const Axis &x_, &y_;
  const Box& box_;
  int look_;
  bool markers_;
};

std::vector<LegendEntry> legend_of(const LinePlot& plot) {
  std::vector<LegendEntry> entries;
  int look = 0, coloured = 0;
  for (const Series& s : plot.series) {
    const bool reference = s.kind == SeriesKind::kReference;
    const bool nothing = std::none_of(s.y.begin(), s.y.end(), [](double v) { return std::isfinite(v); });
    std::string name = s.name;
    if (!s.diverged.empty())
      name += s.diverged.size() == 1 ? " (1 diverged)" : fmt::format(" ({} diverged)", s.diverged.size());
    else if (nothing)
      name += " (no data)";
    coloured += !reference;
    if (!s.name.empty()) entries.push_back({name, reference ? -1 : look, s.kind});
    look += !reference;
  }
  // One series alone needs none: the title says what it is.
  const bool said =
      plot.title.empty() || (entries.size() == 1 && coloured == 1 && plot.series[0].diverged.empty() &&
                             plot.title == plot.series[0].name);
  return said && !plot.title.empty() ? std::vector<LegendEntry>{} : entries;
}

}  // namespace

bool wide_range(std::vector<double> values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty() || *std::min_element(values.begin(), values.end()) <= 0) return false;
  std::sort(values.begin(), values.end());
  return values.back() > 20 * values[values.size() / 2];
}

std::string svg(const LinePlot& plot, const SvgOptions& options) {
  for (const Series& s : plot.series) check_series(s);
  const Ranges ranges = ranges_of(plot);
  Canvas canvas(options, plot.title, plot.description.empty() ? described(plot) : plot.description);
  double top = 6;
  if (!plot.title.empty()) {
    canvas.text(8, top + 14, "title", plot.title, "start", canvas.width() - 16, kTitleSize);
    top += 24;
  }
  top = draw_legend(canvas, legend_of(plot), top);
  if (!plot.y.label.empty()) top += 14;
  Box box{0, top + 8, canvas.width() - 12, top + 8 + options.height};
  const Axis y(plot.y, ranges.y, box.bottom, box.top, 6);
  box.left = 8 + y.label_width(kTickSize) + 6;
  const Axis x = fitting_x_axis(plot.x, ranges.x, box.left, box.right);
  draw_axes(canvas, box, x, y, plot.x, plot.y);

  const bool clipped = plot.x.low || plot.x.high || plot.y.low || plot.y.high;
  const std::string clip = options.id + "-c";
  if (clipped)
    canvas.raw(fmt::format(
        "<clipPath id=\"{}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>", escaped(clip),
        px(box.left), px(box.top), px(box.right - box.left), px(box.bottom - box.top)));
  if (clipped) canvas.raw(fmt::format("<g clip-path=\"url(#{})\">", escaped(clip)));
  const auto coloured = std::count_if(plot.series.begin(), plot.series.end(),
                                      [](const Series& s) { return s.kind != SeriesKind::kReference; });
  int look = 0;
  for (const Series& s : plot.series) {
    const bool reference = s.kind == SeriesKind::kReference;
    const bool markers = !reference && (s.marked || coloured > 1);
    const std::string drawn = SeriesPen(s, x, y, box, look, markers).markup();
    if (!drawn.empty())
      canvas.raw(reference
                     ? drawn
                     : fmt::format("<g class=\"c{}\" color=\"{}\">{}</g>", series_colour(look),
                                   kSeriesLooks[static_cast<std::size_t>(series_colour(look))].light, drawn));
    look += !reference;
  }
  if (clipped) canvas.raw("</g>");
  if (ranges.x.empty())
    canvas.text((box.left + box.right) / 2, (box.top + box.bottom) / 2, "label", "no data", "middle");
  return canvas.finish(box.bottom + (plot.x.label.empty() ? 24 : 40));
}

}  // namespace gradus
