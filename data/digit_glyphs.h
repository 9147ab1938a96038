// How the ten digits are written: strokes through a few points.
#pragma once

#include <span>

namespace gradus {

/// A point the pen goes through, on a grid of 100 by 100 (x to the right, y down). The line is smooth through
/// it, or turns sharply if it is a corner.
struct GlyphPoint {
  int x, y;
  bool corner = false;
};
/// From pen down to pen up.
using GlyphStroke = std::span<const GlyphPoint>;
/// One way of writing a digit.
using Glyph = std::span<const GlyphStroke>;

/// The ways of writing a digit 0..9.
std::span<const Glyph> glyphs_of(int digit);

}  // namespace gradus
