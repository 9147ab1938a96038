// Text as HTML and SVG hold it.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

/// `text` for element content and attribute values: & < > " ' as entities; bytes that are not UTF-8 and control characters
/// that XML forbids become U+FFFD.
std::string escaped(std::string_view text);

/// A length or coordinate in pixels: rounded to a tenth, without a needless ".0" or "-0".
std::string px(double v);

/// How wide a text is in a common sans-serif font of this size, in pixels: an estimate, since nobody measures fonts here.
double text_width(std::string_view text, double size);
/// `text`, shortened by "…" until it is at most `width` pixels wide.
std::string fitted(std::string_view text, double width, double size);

/// A name for an id or the part of a link behind #: letters, digits and '-' alone, "x" in front of a digit.
std::string anchor_name(std::string_view text);

}  // namespace gradus
