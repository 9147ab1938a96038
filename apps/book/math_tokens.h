// A line of plain-text mathematics in tokens, and which of its words are symbols and which are prose.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

struct MathToken {
  enum Kind { kNumber, kName, kWord, kOp } kind;
  std::string text;
  int space;  ///< blanks in front
};

/// Names that are symbols also where no operator stands beside them: left-hand sides of the head, names of options.
using KnownNames = std::set<std::string, std::less<>>;

/// The tokens of `line`; a word is kName where it is a symbol and kWord where it is prose. Prose with hyphens
/// ("mini-batch", "clip-norm") is one word.
std::vector<MathToken> math_tokens(std::string_view line, const KnownNames& known);

/// The names that `lines` define: in front of = or <- ("m = ...", "w <- ..."), or of a colon after the symbol ("x0: ...").
KnownNames defined_names(const std::vector<std::string>& lines);

/// Whether a name is one of a function or operator (sqrt, max, sum, grad), which no code need have as a variable.
bool is_math_function(std::string_view name);
/// The letter a Greek name stands for ("beta", "eps", "Lam"), or "".
std::string greek_letter(std::string_view name);

}  // namespace gradus
