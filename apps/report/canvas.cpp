#include "apps/report/canvas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/markup.h"
#include "apps/report/style.h"

namespace gradus {

Canvas::Canvas(const SvgOptions& options, const std::string& title, const std::string& description)
    : options_(options) {
  head_ = fmt::format("<title id=\"{0}-t\">{1}</title><desc id=\"{0}-d\">{2}</desc>\n", escaped(options_.id),
                      escaped(title), escaped(description));
  if (options_.standalone) head_ += "<style>" + plot_style() + "</style>\n";
}

void Canvas::text(double x, double y, const char* css, const std::string& text, const char* anchor,
                  double room, double size) {
  const std::string shown = fitted(text, room, size);
  const std::string where = std::string(anchor) == "start" ? "" : fmt::format(" text-anchor=\"{}\"", anchor);
  const std::string whole = shown == text ? "" : "<title>" + escaped(text) + "</title>";
  raw(fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\"{}>{}{}</text>", css, px(x), px(y), where,
                  escaped(shown), whole));
}

std::string Canvas::finish(double height) const {
  const std::string size = fmt::format("{} {}", px(options_.width), px(height)), id = escaped(options_.id);
  // Alone it has a size of its own; within a page the page decides.
  const std::string fixed =
      options_.standalone ? fmt::format(" width=\"{}\" height=\"{}\"", px(options_.width), px(height)) : "";
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" id=\"{0}\" viewBox=\"0 0 {1}\"{2} "
             "role=\"img\" aria-labelledby=\"{0}-t {0}-d\">\n",
             id, size, fixed) +
         head_ +
         fmt::format("<rect class=\"paper\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n", px(options_.width),
                     px(height), kPaperLight) +
         body_ + "</svg>\n";
}

double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double top) {
  constexpr double kSample = 26, kGap = 14, kRow = 18, kSide = 8;
  double x = kSide, y = top + 12;
  for (const LegendEntry& e : entries) {
    const double room = canvas.width() - 2 * kSide - kSample - 6;
    const double width = kSample + 6 + std::min(text_width(e.name, kTextSize), room);
    if (x > kSide && x + width > canvas.width() - kSide) x = kSide, y += kRow;
    const double middle = y - 4;
    const auto line = [&](const std::string& attributes) {
      return fmt::format("<path {} d=\"M{} {}h{}\"/>", attributes, px(x), px(middle), px(kSample));
    };
    if (e.look < 0) {
      canvas.raw(line("class=\"reference\""));
    } else {
      const SeriesLook& look = kSeriesLooks[static_cast<std::size_t>(series_colour(e.look))];
      std::string sample;
      if (e.kind == SeriesKind::kLine)
        sample = line(fmt::format("class=\"line\" stroke-dasharray=\"{}\"",
                                  *series_dash(e.look) ? series_dash(e.look) : "none"));
      sample += fmt::format("<path class=\"marks\" d=\"{}\"/>",
                            marker_path(series_marker(e.look), {x + kSample / 2, middle}));
      canvas.raw(
          fmt::format("<g class=\"c{}\" color=\"{}\">{}</g>", series_colour(e.look), look.light, sample));
    }
    canvas.text(x + kSample + 6, y, "name", e.name, "start", room);
    x += width + kGap;
  }
  return entries.empty() ? top : y + 8;
}

namespace {

void draw_x(Canvas& canvas, const Box& box, const Axis& x, const AxisSpec& spec, std::string& grid,
            std::string& minor) {
  for (const Tick& t : x.ticks()) {
    const std::string at = px(x.at(t.value));
    if (t.label.empty()) {
      minor += fmt::format("M{} {}v-4", at, px(box.bottom));
      continue;
    }
    grid += fmt::format("M{} {}V{}", at, px(box.bottom), px(box.top));
    canvas.text(x.at(t.value), box.bottom + 15, "tick", t.label, "middle");
  }
  canvas.text((box.left + box.right) / 2, box.bottom + 32, "label", spec.label, "middle",
              box.right - box.left);
}

void draw_frame(Canvas& canvas, const Box& box, const std::string& grid, const std::string& minor) {
  if (!grid.empty()) canvas.raw(fmt::format("<path class=\"grid\" stroke=\"#ccc\" d=\"{}\"/>", grid));
  if (!minor.empty()) canvas.raw(fmt::format("<path class=\"minor\" stroke=\"#ccc\" d=\"{}\"/>", minor));
  canvas.raw(fmt::format("<path class=\"edge\" fill=\"none\" stroke=\"#666\" d=\"M{} {}V{}H{}\"/>",
                         px(box.left), px(box.top), px(box.bottom), px(box.right)));
}

}  // namespace

void draw_axes(Canvas& canvas, const Box& box, const Axis& x, const Axis& y, const AxisSpec& x_spec,
               const AxisSpec& y_spec) {
  std::string grid, minor;
  draw_x(canvas, box, x, x_spec, grid, minor);
  for (const Tick& t : y.ticks()) {
    const std::string at = px(y.at(t.value));
    if (t.label.empty()) {
      minor += fmt::format("M{} {}h4", px(box.left), at);
      continue;
    }
    grid += fmt::format("M{} {}H{}", px(box.left), at, px(box.right));
    canvas.text(box.left - 6, y.at(t.value) + 4, "tick", t.label, "end");
  }
  if (!y_spec.label.empty()) canvas.text(8, box.top - 8, "label", y_spec.label, "start", canvas.width() - 16);
  draw_frame(canvas, box, grid, minor);
}

void draw_value_axis(Canvas& canvas, const Box& box, const Axis& x, const AxisSpec& spec) {
  std::string grid, minor;
  draw_x(canvas, box, x, spec, grid, minor);
  draw_frame(canvas, box, grid, minor);
}

Axis fitting_x_axis(const AxisSpec& spec, const Range& range, double left, double right) {
  for (int most = 9;; --most) {
    Axis axis(spec, range, left, right, most);
    double free_from = -1e9;
    bool fits = true;
    for (const Tick& t : axis.ticks()) {
      if (t.label.empty()) continue;
      const double half = text_width(t.label, kTickSize) / 2, at = axis.at(t.value);
      fits = fits && at - half >= free_from;
      free_from = at + half + 10;
    }
    if (fits || most == 2) return axis;
  }
}

std::string marker_path(int look, const Point& at, double r) {
  const auto p = [](double v) { return px(v); };
  const auto from = [&](double dx, double dy) { return "M" + p(at.x + dx) + " " + p(at.y + dy); };
  const std::string plus = from(-r, 0) + "h" + p(2 * r) + from(0, -r) + "v" + p(2 * r);
  const double d = 0.75 * r;
  const std::string cross =
      from(-d, -d) + "l" + p(2 * d) + " " + p(2 * d) + from(-d, d) + "l" + p(2 * d) + " " + p(-2 * d);
  switch (look) {
    case 0:
      return fmt::format("{0}a{1} {1} 0 1 0 {2} 0a{1} {1} 0 1 0 -{2} 0z", from(-r, 0), p(r), p(2 * r));
    case 1:
      return fmt::format("{0}h{1}v{1}h-{1}z", from(-0.85 * r, -0.85 * r), p(1.7 * r));
    case 2:
      return fmt::format("{0}l{1} {2}h-{3}z", from(0, -r), p(r), p(1.8 * r), p(2 * r));
    case 3:
      return fmt::format("{0}l{1} {1}l-{1} {1}l-{1} -{1}z", from(0, -1.2 * r), p(1.2 * r));
    case 4:
      return plus;
    case 5:
      return cross;
    case 6:
      return fmt::format("{0}l{1} -{2}h-{3}z", from(0, r), p(r), p(1.8 * r), p(2 * r));
    default:
      return plus + cross;
  }
}

std::string polyline(const std::vector<Point>& points) {
  std::string d;
  for (std::size_t i = 0; i < points.size(); ++i)
    d += (i == 0 ? "M" : i == 1 ? "L" : " ") + px(points[i].x) + " " + px(points[i].y);
  return d;
}

namespace {

// Of each column of pixels the first, least, largest and last.
std::vector<Point> column_extremes(const std::vector<Point>& points) {
  constexpr double kColumn = 2;
  std::vector<Point> kept;
  for (std::size_t begin = 0, end; begin < points.size(); begin = end) {
    const double column = std::floor(points[begin].x / kColumn);
    std::size_t least = begin, largest = begin;
    for (end = begin; end < points.size() && std::floor(points[end].x / kColumn) == column; ++end) {
      if (points[end].y < points[least].y) least = end;
      if (points[end].y > points[largest].y) largest = end;
    }
    std::vector<std::size_t> which = {begin, least, largest, end - 1};
    std::sort(which.begin(), which.end());
    which.erase(std::unique(which.begin(), which.end()), which.end());
    for (const std::size_t i : which) kept.push_back(points[i]);
  }
  return kept;
}

// Distance of p from the stretch a..b.
double distance(const Point& p, const Point& a, const Point& b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

}  // namespace

std::vector<Point> thinned(const std::vector<Point>& points) {
  constexpr double kTolerance = 0.25;
  const bool grows =
      std::is_sorted(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  const std::vector<Point> from = grows ? column_extremes(points) : points;
  if (from.size() < 3) return from;
  // Ramer, 1972; Douglas and Peucker, 1973: of a stretch the point farthest from its chord stays, if it is far enough.
  std::vector<bool> keep(from.size());
  keep.front() = keep.back() = true;
  std::vector<std::pair<std::size_t, std::size_t>> stretches = {{0, from.size() - 1}};
  while (!stretches.empty()) {
    const auto [a, b] = stretches.back();
    stretches.pop_back();
    double worst = kTolerance;
    std::size_t farthest = a;
    for (std::size_t i = a + 1; i < b; ++i)
      if (const double d = distance(from[i], from[a], from[b]); d > worst) worst = d, farthest = i;
    if (farthest == a) continue;
    keep[farthest] = true;
    stretches.push_back({a, farthest});
    stretches.push_back({farthest, b});
  }
  std::vector<Point> kept;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (keep[i]) kept.push_back(from[i]);
  return kept;
}

}  // namespace gradus
