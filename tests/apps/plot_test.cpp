// Ticks, axes and plots against hand-worked values; the markup is well-formed whatever it is given.
#include "apps/report/plot.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "apps/report/canvas.h"
#include "apps/report/markup.h"
#include "apps/report/seed_band.h"
#include "apps/report/style.h"
#include "core/error.h"
#include "tests/apps/markup_check.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

const double kNan = std::nan(""), kInf = std::numeric_limits<double>::infinity();

// "0.25 0.30": the labels that are there.
std::string labels(const std::vector<Tick>& ticks) {
  std::string text;
  for (const Tick& t : ticks)
    if (!t.label.empty()) text += (text.empty() ? "" : " ") + t.label;
  return text;
}

// Axes 0..2 (440 pixels wide, 200 high): x from 31.6 to 428, y from 214 up to 14.
LinePlot unit_plot(Series s) {
  return {.x = {.low = 0, .high = 2}, .y = {.low = 0, .high = 2}, .series = {std::move(s)}};
}

double luminance(const std::string& hex) {
  double sum = 0;
  const double weight[] = {0.2126, 0.7152, 0.0722};
  for (int i = 0; i < 3; ++i) {
    const double c = std::stoi(hex.substr(static_cast<size_t>(1 + 2 * i), 2), nullptr, 16) / 255.0;
    sum += weight[i] * (c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}
double contrast(const std::string& a, const std::string& b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

}  // namespace

TEST_CASE("plot: ticks of linear axes are multiples of 1, 2 or 5, with equally many decimals or a unit") {
  CHECK(labels(linear_ticks(0, 10, 6)) == "0 2 4 6 8 10");
  CHECK(labels(linear_ticks(0, 10, 5)) == "0 5 10");
  CHECK(labels(linear_ticks(0.21, 0.34, 5)) == "0.25 0.30");
  CHECK(labels(linear_ticks(-1, 1, 5)) == "-1.0 -0.5 0.0 0.5 1.0");
  CHECK(labels(linear_ticks(0, 20000, 6)) == "0 5k 10k 15k 20k");
  CHECK(labels(linear_ticks(0, 2e6, 5)) == "0 0.5M 1.0M 1.5M 2.0M");
  CHECK(labels(linear_ticks(0, 3e-5, 4)) == "0 1e-5 2e-5 3e-5");
  CHECK(labels(linear_ticks(100000.2, 100000.9, 5)) == "100000.2 100000.4 100000.6 100000.8");
  CHECK(labels(linear_ticks(0, 9e20, 4)) == "0 5e20");
  CHECK(linear_ticks(0.1, 0.5, 6)[2].value == 0.3);  // not 0.30000000000000004
  CHECK(linear_ticks(1, 1, 5).empty());
  CHECK(linear_ticks(kNan, 1, 5).empty());
}

TEST_CASE(
    "plot: ticks of logarithmic axes are powers of ten with minor ones between, also 2 and 5 over few "
    "powers") {
  const auto decades = log_ticks(1, 1000, 6);
  CHECK(labels(decades) == "1 10 100 1000");
  CHECK(decades.size() == 3 * 9 + 1);
  CHECK(decades[1] == Tick{2, ""});
  CHECK(labels(log_ticks(1e-6, 1e6, 5)) == "1e-6 0.001 1 1000 1e6");
  CHECK(labels(log_ticks(2, 30, 6)) == "2 5 10 20");
  CHECK(labels(log_ticks(3.1, 3.9, 5)) == "3.2 3.4 3.6 3.8");
  CHECK(log_ticks(0, 1, 5).empty());
}

TEST_CASE("plot: an axis takes values to pixels, with a margin where its ends are not given") {
  const Axis fixed({.low = 0, .high = 10}, {}, 100, 300, 5);
  CHECK(fixed.at(2.5) == 150);
  CHECK(fixed.clamped(kInf) == 300);
  CHECK(fixed.clamped(kNan) == 100);
  const Axis up({.log = true, .low = 1, .high = 100}, {}, 200, 0, 5);
  CHECK(up.at(10) == doctest::Approx(100));
  CHECK(!up.shows(0));
  CHECK(!up.shows(-1));
  CHECK(!up.shows(kInf));
  Range range;
  for (const double v : {0.0, kNan, 8.0, kInf}) range.add(v);
  const Axis free({}, range, 0, 100, 5, 10);  // 8 units on 80 pixels
  CHECK(free.at(0) == doctest::Approx(10));
  CHECK(free.at(8) == doctest::Approx(90));
  CHECK(free.at(4) == doctest::Approx(50));
  Range one;
  one.add(5);
  CHECK(Axis({}, one, 0, 100, 5).at(5) == doctest::Approx(50));
  CHECK(Axis({.log = true}, {.log = true, .low = 5, .high = 5}, 0, 100, 5).at(5) == doctest::Approx(50));
  CHECK(labels(Axis({.whole = true, .low = 1, .high = 3}, {}, 0, 100, 6).ticks()) == "1 2 3");
}

TEST_CASE("plot: the points of a line and the polygon of its band lie where the axes say") {
  const std::string line = svg(unit_plot({.x = {0, 1, 2}, .y = {0, 2, 0}}));
  CHECK(between(between(line, "class=\"line\"", "/>"), "d=\"", "\"") == "M31.6 214L229.8 14 428 214");
  const std::string band =
      svg(unit_plot({.x = {0, 1, 2}, .y = {0.5, 1.5, 0.5}, .low = {0, 1, 0}, .high = {1, 2, 1}}));
  CHECK(between(between(band, "class=\"band\"", "/>"), "d=\"", "\"") ==
        "M31.6 114L229.8 14 428 114 428 214 229.8 114 31.6 214Z");
  CHECK(markup_problem(band) == "");
  // Points that lie on the line through their neighbours are not needed.
  const std::string straight = svg(unit_plot({.x = {0, 0.5, 1, 2}, .y = {0, 0.5, 1, 2}}));
  CHECK(between(between(straight, "class=\"line\"", "/>"), "d=\"", "\"") == "M31.6 214L428 14");
}

TEST_CASE("plot: what cannot be shown is a gap; a point alone is a marker, with its deviation a whisker") {
  const std::string gap = svg(unit_plot({.x = {0, 0.5, 1, 1.5, 2}, .y = {1, kNan, 1, 2, kInf}}));
  CHECK(occurrences(gap, "class=\"line\"") == 1);
  CHECK(occurrences(gap, "class=\"marks\"") == 1);
  CHECK(gap.find("nan") == std::string::npos);
  CHECK(gap.find("inf") == std::string::npos);
  const std::string one = svg(LinePlot{.series = {{.x = {3}, .y = {5}, .low = {4}, .high = {6}}}});
  CHECK(occurrences(one, "class=\"whisker\"") == 1);
  CHECK(occurrences(one, "class=\"line\"") == 0);
  // On a logarithmic axis what is not positive is a gap too, and a band ends at the axis.
  const std::string log = svg(LinePlot{
      .y = {.log = true, .low = 1, .high = 100},
      .series = {
          {.x = {0, 1, 2, 3}, .y = {10, 10, 0, 10}, .low = {-1, 1, 0, 5}, .high = {100, 100, 0, 20}}}});
  CHECK(occurrences(log, "class=\"line\"") == 1);
  CHECK(occurrences(log, "class=\"band\"") == 1);
}

TEST_CASE("plot: nothing to show, divergence, long names and many series") {
  for (const LinePlot& plot :
       {LinePlot{}, LinePlot{.title = "t", .series = {{.name = "a"}}},
        LinePlot{.y = {.log = true}, .series = {{.name = "a", .x = {1}, .y = {-1}}}}}) {
    const std::string text = svg(plot);
    CHECK(markup_problem(text) == "");
    CHECK(text.find(">no data</text>") != std::string::npos);
  }
  const std::string lost = svg(LinePlot{
      .series = {{.name = "sgd", .x = {1, 2, 3}, .y = {1, 2, kNan}, .diverged = {{3, "seed 1: <nan>"}}}}});
  CHECK(markup_problem(lost) == "");
  CHECK(occurrences(lost, "class=\"lost\"") == 2);  // the cross and its rim
  CHECK(lost.find("sgd (1 diverged)") != std::string::npos);
  CHECK(lost.find("<title>seed 1: &lt;nan&gt;</title>") != std::string::npos);

  LinePlot many{.title = std::string(300, 'w'), .x = {.label = std::string(300, 'x')}};
  for (int i = 0; i < 40; ++i)
    many.series.push_back({.name = fmt::format("a very long name & number {} {}", i, std::string(200, 'n')),
                           .x = {0, 1},
                           .y = {0, static_cast<double>(i)}});
  const std::string crowd = svg(many);
  CHECK(markup_problem(crowd) == "");
  CHECK(occurrences(crowd, "class=\"line\"") == 2 * 40);        // in the legend and in the plot
  CHECK(occurrences(crowd, "…<title>a very long name") == 40);  // cut, whole as a tooltip
  CHECK_THROWS_AS(svg(LinePlot{.series = {{.x = {1, 2}, .y = {1}}}}), ShapeError);
}

TEST_CASE("plot: bars from zero with whiskers; points without zero where bars would hide what differs") {
  // Names take 8 pixels and their width; the value axis begins at 0.
  const std::string bars =
      svg(BarPlot{.title = "loss",
                  .bars = {{.name = "a", .value = 1, .deviation = 0.5, .points = {0.5, 1.5}},
                           {.name = "b", .value = 2, .colour = 1},
                           {.name = "c", .value = kNan, .note = "3 of 3 diverged"}}});
  CHECK(markup_problem(bars) == "");
  CHECK(occurrences(bars, "class=\"bar\"") == 2);
  const auto width = [&](const std::string& text) {
    return std::stod(between(between(text, "class=\"bar\"", "/>"), "width=\"", "\""));
  };
  const std::string second = bars.substr(bars.find("class=\"bar\"") + 5);
  CHECK(width(second) == doctest::Approx(2 * width(bars)).epsilon(0.002));
  CHECK(occurrences(bars, "class=\"on-bar\"") == 2);  // the whisker, the two seeds
  CHECK(bars.find(">1 ± 0.5</text>") != std::string::npos);
  CHECK(bars.find(">3 of 3 diverged</text>") != std::string::npos);
  const std::string near =
      svg(BarPlot{.bars = {{.name = "a", .value = 98.1, .deviation = 0.1}, {.name = "b", .value = 98.4}}});
  CHECK(occurrences(near, "class=\"bar\"") == 0);
  CHECK(occurrences(near, "class=\"marks\"") == 2);
  CHECK(markup_problem(svg(BarPlot{})) == "");
}

TEST_CASE("plot: text is escaped, names are cut to their room, ids are made of letters") {
  CHECK(escaped("<a & \"b\">'\x01\xff") == "&lt;a &amp; &quot;b&quot;&gt;&#39;\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(escaped("Größe 数 \xF0\x9F\x8E\xB2") == "Größe 数 \xF0\x9F\x8E\xB2");
  CHECK(escaped("\xC3") == "\xEF\xBF\xBD");                                  // cut off
  CHECK(escaped("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // half of a pair
  CHECK(fitted("short", 100, 12) == "short");
  CHECK(text_width(fitted(std::string(99, 'a'), 60, 12), 12) <= 60);
  CHECK(px(0.04) == "0");
  CHECK(px(-0.04) == "0");
  CHECK(px(12.25) == "12.3");
  CHECK(anchor_name("test accuracy, %") == "test-accuracy");
  CHECK(anchor_name("3 <x>") == "x3-x");
  const std::string text = svg(LinePlot{.title = "</title><script>alert(1)</script>",
                                        .x = {.label = "a<b"},
                                        .series = {{.name = "\"&", .x = {1}, .y = {2}}}});
  CHECK(markup_problem(text) == "");
  CHECK(text.find("<script") == std::string::npos);
}

TEST_CASE("plot: a line of many points keeps its extremes and few points") {
  std::vector<Point> noisy, straight;
  for (int i = 0; i < 100000; ++i) {
    noisy.push_back({i * 0.004, 100 + 50 * std::sin(i * 12.9898)});
    straight.push_back({i * 0.004, 7});
  }
  noisy[31234].y = -500, noisy[77777].y = 900;
  const auto kept = thinned(noisy);
  CHECK(kept.size() <= 4 * 201);
  double least = 0, largest = 0;
  for (const Point& p : kept) least = std::min(least, p.y), largest = std::max(largest, p.y);
  CHECK(least == -500);
  CHECK(largest == 900);
  CHECK(thinned(straight).size() == 2);
  // Where x does not grow, the path is followed: a square stays one.
  CHECK(thinned({{0, 0}, {5, 0}, {10, 0}, {10, 10}, {0, 10}, {0, 0}}).size() == 5);
  const std::string text = svg(LinePlot{.series = {{.x = std::vector<double>(5000, 1),
                                                    .y = std::vector<double>(5000, 1),
                                                    .kind = SeriesKind::kPoints}}});
  CHECK(text.size() < 8000);  // 5000 points on one place
}

TEST_CASE("plot: colours stand out from their background, and no two of 64 series look alike") {
  for (const SeriesLook& look : kSeriesLooks) {
    CAPTURE(look.light);
    CHECK(contrast(look.light, kPaperLight) >= 3);
    CHECK(contrast(look.dark, kPaperDark) >= 3);
  }
  std::set<std::pair<int, std::string>> dashes;
  std::set<std::pair<int, int>> markers;
  for (int i = 0; i < 64; ++i)
    dashes.emplace(series_colour(i), series_dash(i)), markers.emplace(series_colour(i), series_marker(i));
  CHECK(dashes.size() == 64);
  CHECK(markers.size() == 64);
  const std::string alone = svg(unit_plot({.x = {0, 1}, .y = {0, 1}})),
                    inside = svg(unit_plot({.x = {0, 1}, .y = {0, 1}}), {.standalone = false});
  CHECK(alone.find("prefers-color-scheme:dark") != std::string::npos);
  CHECK(inside.find("<style>") == std::string::npos);
}

TEST_CASE("plot: a curve over seeds is their mean with one deviation to either side") {
  const Series s = seed_band("a", {{{1, 2, 3}, {1, 2, 3}}, {{1, 3}, {3, 5}}, {{1, 2}, {2, kNan}}});
  CHECK(s.x == std::vector<double>{1, 2, 3});
  CHECK(s.y[0] == doctest::Approx(2));
  CHECK(s.high[0] == doctest::Approx(3));  // deviation of 1, 3, 2
  CHECK(s.y[1] == doctest::Approx(3));     // 2, and 4 between 3 and 5
  CHECK(s.low[1] == doctest::Approx(3 - std::sqrt(2)));
  CHECK(s.y[2] == doctest::Approx(4));
  CHECK(seed_band("one", {{{1}, {7}}}).low.empty());
  CHECK(std::isnan(spread_of({kNan, kInf}).mean));
  CHECK(wide_range({1, 1, 1, 30}));
  CHECK(!wide_range({1, 1, 0, 30}));
}
