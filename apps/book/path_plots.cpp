// Level lines by marching squares, and paths over them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/book/paths.h"
#include "apps/report/markup.h"
#include "apps/report/plot.h"
#include "apps/report/style.h"
#include "core/rng.h"
#include "optim/problems/registry.h"

namespace gradus {
namespace {

constexpr double kPlaneWidth = 400, kPlaneHeight = 280;
constexpr int kCellsX = 80, kCellsY = 56, kLevels = 9;

struct PlaneMap {
  const PlaneView& v;
  double px(double x) const { return (x - v.left) / (v.right - v.left) * kPlaneWidth; }
  double py(double y) const { return (v.high - y) / (v.high - v.low) * kPlaneHeight; }
};

// The paths of the level lines as the d of an SVG path.
std::string level_lines(const PlaneView& v) {
  const SmallProblem problem = make_problem(v.problem, Rng(0));
  std::vector<double> f(static_cast<size_t>((kCellsX + 1) * (kCellsY + 1)));
  const auto at = [&](int i, int j) -> double& { return f[static_cast<size_t>(j * (kCellsX + 1) + i)]; };
  double least = INFINITY;
  for (int j = 0; j <= kCellsY; ++j)
    for (int i = 0; i <= kCellsX; ++i) {
      const double x = v.left + (v.right - v.left) * i / kCellsX, y = v.low + (v.high - v.low) * j / kCellsY;
      const Tensor w = Tensor::from({2}, {static_cast<real>(x), static_cast<real>(y)});
      at(i, j) = static_cast<double>(problem.loss(std::array{w}).item());
      least = std::min(least, at(i, j));
    }
  double most = 0;
  for (double& value : f) {
    value = std::log1p(value - least);
    most = std::max(most, value);
  }
  const PlaneMap map{v};
  std::string d;
  for (int l = 1; l <= kLevels; ++l) {
    const double level = most * l / (kLevels + 1);
    for (int j = 0; j < kCellsY; ++j)
      for (int i = 0; i < kCellsX; ++i) {
        const std::array<double, 4> c = {at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)};
        std::vector<std::pair<double, double>> cuts;
        constexpr std::array<std::array<double, 2>, 4> kCorner = {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}};
        for (size_t e = 0; e < 4; ++e) {
          const size_t n = (e + 1) % 4;
          if ((c[e] < level) == (c[n] < level)) continue;
          const double s = (level - c[e]) / (c[n] - c[e]);
          const double x = i + kCorner[e][0] + s * (kCorner[n][0] - kCorner[e][0]),
                       y = j + kCorner[e][1] + s * (kCorner[n][1] - kCorner[e][1]);
          cuts.emplace_back(map.px(v.left + (v.right - v.left) * x / kCellsX),
                            map.py(v.low + (v.high - v.low) * y / kCellsY));
        }
        for (size_t k = 0; k + 1 < cuts.size(); k += 2)
          d += fmt::format("M{} {}L{} {}", px(cuts[k].first), px(cuts[k].second), px(cuts[k + 1].first),
                           px(cuts[k + 1].second));
      }
  }
  return d;
}

}  // namespace

std::string contour_svg(const PlaneView& view) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} "
      "{}\"><style>path{{fill:none;stroke:#c3c7cf;stroke-width:1}}"
      "@media (prefers-color-scheme:dark){{path{{stroke:#454a55}}}}</style><path d=\"{}\"/></svg>\n",
      kPlaneWidth, kPlaneHeight, level_lines(view));
}

std::string paths_svg(const PlaneView& view, const std::vector<NamedPath>& paths,
                      const std::string& contour) {
  const double bottom = 46 + 16.0 * static_cast<double>(paths.size());
  std::string spoken = fmt::format("Paths on {}", view.problem);
  for (const NamedPath& p : paths) spoken += fmt::format("; {} ends at loss {:.3g}", p.name, p.path.loss);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 "
      "{} {}\">",
      escaped(spoken), kPlaneWidth + 20, kPlaneHeight + bottom);
  if (contour.empty())
    out += "<style>" + plot_style() + "</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>";
  out += fmt::format(
      "<text class=\"title\" x=\"10\" y=\"18\">{}</text><svg x=\"10\" y=\"28\" width=\"{}\" height=\"{}\" "
      "viewBox=\"0 0 {} {}\">",
      escaped(view.problem), kPlaneWidth, kPlaneHeight, kPlaneWidth, kPlaneHeight);
  out += contour.empty() ? fmt::format("<path class=\"grid\" d=\"{}\"/>", level_lines(view))
                         : fmt::format("<image href=\"{}\" width=\"{}\" height=\"{}\"/>", escaped(contour),
                                       kPlaneWidth, kPlaneHeight);
  const PlaneMap map{view};
  for (size_t k = paths.size(); k-- > 0;) {  // the first on top
    const PlanePath& p = paths[k].path;
    std::string points;
    for (size_t i = 0; i < p.x.size(); ++i)
      points += fmt::format("{}{},{}", i ? " " : "", px(std::clamp(map.px(p.x[i]), -500.0, 900.0)),
                            px(std::clamp(map.py(p.y[i]), -500.0, 800.0)));
    const int look = static_cast<int>(k);
    out += fmt::format("<g class=\"c{}\"><polyline class=\"line\" points=\"{}\" stroke-dasharray=\"{}\"/>",
                       series_colour(look), points, series_dash(look));
    if (!p.x.empty())
      out += fmt::format("<circle class=\"marks\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", px(map.px(p.x.back())),
                         px(map.py(p.y.back())));
    out += "</g>";
  }
  if (!paths.empty() && !paths[0].path.x.empty())
    out += fmt::format("<path class=\"edge\" d=\"M{0} {1}m-5 0h10m-5 -5v10\"/>",
                       px(map.px(paths[0].path.x[0])), px(map.py(paths[0].path.y[0])));
  out += fmt::format("<rect class=\"edge\" fill=\"none\" width=\"{}\" height=\"{}\"/></svg>", kPlaneWidth,
                     kPlaneHeight);
  for (size_t k = 0; k < paths.size(); ++k) {
    const NamedPath& p = paths[k];
    const double y = kPlaneHeight + 48 + 16.0 * static_cast<double>(k);
    const int look = static_cast<int>(k);
    const std::string ends =
        std::isfinite(p.path.loss) ? fmt::format("ends at {:.3g}", p.path.loss) : std::string("diverged");
    out += fmt::format(
        "<g class=\"c{}\"><path class=\"line\" d=\"M10 {}h26\" stroke-dasharray=\"{}\"/></g><text x=\"42\" "
        "y=\"{}\">{}</text>",
        series_colour(look), px(y - 4), series_dash(look), px(y),
        escaped(p.name + (p.path.lr > 0 ? fmt::format(", lr {:g}: ", p.path.lr) : ": ") + ends));
  }
  return out + "</svg>\n";
}

std::string sweep_svg(const std::string& title, const std::vector<NamedPath>& paths, const std::string& id) {
  LinePlot plot{.title = title,
                .x = {.label = "lr", .log = true},
                .y = {.label = "loss at the end", .log = true},
                .series = {}};
  constexpr double kFloor = 1e-12;  // what is lower looks alike
  for (const NamedPath& p : paths) {
    if (p.path.sweep.empty()) continue;
    Series s{.name = p.name, .x = {}, .y = {}, .low = {}, .high = {}, .marked = true};
    for (size_t i = 0; i < std::min(p.path.sweep.size(), path_rates().size()); ++i) {
      s.x.push_back(path_rates()[i]);
      s.y.push_back(std::isfinite(p.path.sweep[i]) ? std::max(p.path.sweep[i], kFloor) : std::nan(""));
    }
    plot.series.push_back(std::move(s));
  }
  return plot.series.empty() ? "" : svg(plot, {.id = id, .standalone = false});
}

}  // namespace gradus
