// What stderr is connected to, and how things are written for people.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/real.h"

namespace gradus {

struct Terminal {
  bool interactive;  ///< a TTY that can move its cursor
  bool colour;       ///< and NO_COLOR is not set
  bool unicode;
  int columns;
};
/// Of stderr, where progress goes. The size is asked for each time.
Terminal stderr_terminal();

/// `text` in an SGR colour ("32"), if on.
std::string coloured(const std::string& text, const char* sgr, bool on);

/// "0:07", "3:25:01".
std::string clock_text(double seconds);
/// "31.2k", "1.05M".
std::string short_count(double n);
/// "97.31 %"; "-" for NaN.
std::string percent(double share);
/// Four significant digits; "-" for NaN.
std::string brief(double v);

/// Columns of a page of help.
inline constexpr int kPageWidth = 110;
/// Rows of equally many cells as aligned columns, two spaces apart; numbers are to be padded by the caller.
std::string columns(const std::vector<std::vector<std::string>>& rows);
/// `text` broken at spaces into lines of at most `width`, each behind `indent` spaces (the first one not).
std::string wrapped(const std::string& text, int indent, int width);

}  // namespace gradus
