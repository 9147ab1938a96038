// Sets plain-text mathematics ("w <- w - lr*m/(sqrt(v) + eps)") as MathML, which browsers draw by themselves: subscripts, powers,
// fractions, roots, sums, Greek letters, hats, norms, inner products, cases. Prose between formulas stays prose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/book/math_tokens.h"

namespace gradus {

/// A name as a symbol: "beta1" -> β with subscript 1, "mhat" -> m with a hat, "g_prev" -> g with subscript prev; names of
/// options ("weight_decay") stay as they are. Markup without <math>.
std::string symbol_mathml(std::string_view name);

/// A line: prose as escaped text, formulas as <math> elements. Never throws: what is no formula is set sign by sign.
std::string set_line(std::string_view line, const KnownNames& known);

/// The symbols of a line, functions aside, each once: names as they are written ("beta1", "mhat").
std::vector<std::string> symbols_of(std::string_view line, const KnownNames& known);

}  // namespace gradus
