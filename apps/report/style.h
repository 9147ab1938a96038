// How plots and pages look: colours for light and dark, dashes, markers.
#pragma once

#include <array>
#include <string>

namespace gradus {

/// A series' look. Colours after Okabe and Ito (colour-blind safe), each with at least 3:1 contrast to its background.
struct SeriesLook {
  const char *light, *dark;  ///< "#0072b2"
  const char* dash;          ///< of stroke-dasharray; "": a whole line
};
inline constexpr std::array<SeriesLook, 8> kSeriesLooks = {{{"#0072b2", "#5ab4ec", ""},
                                                            {"#c44e00", "#f5803a", "7 3"},
                                                            {"#00805d", "#2fc79b", "2 2.5"},
                                                            {"#b04a86", "#e08fbf", "9 3 2 3"},
                                                            {"#946c00", "#e6b422", "5 2 1.5 2 1.5 2"},
                                                            {"#555555", "#b8b8b8", "12 4"},
                                                            {"#5a3fbf", "#a995f5", "4 4"},
                                                            {"#8a3324", "#d98f7f", "1.5 4"}}};
/// The look of series i; beyond the table colours come again with other dashes and markers.
int series_colour(int i);
const char* series_dash(int i);
int series_marker(int i);

/// Backgrounds by which the colours were chosen.
inline constexpr const char *kPaperLight = "#ffffff", *kPaperDark = "#16181d";

/// CSS: the colours as variables of :root (dark where the reader prefers it, light on paper), then the plots' own rules.
std::string plot_style();
/// CSS of pages, to stand behind plot_style().
std::string page_style();

}  // namespace gradus
