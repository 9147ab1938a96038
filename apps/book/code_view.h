// C++ as a reader sees it in the book: words coloured by a small tokenizer, lines with anchors; and where a variable is assigned.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/report/page.h"

namespace gradus {

/// A <pre> whose line n has the id "L<n>". `skip`: so many lines at the top are left out (a head that is shown beside it);
/// lines keep their numbers.
Html code_view(std::string_view code, int skip = 0);
/// A part of a file: lines first..last (from 1).
Html code_part(std::string_view code, int first, int last);

/// The code with comments and texts blanked, so that what is left is code; lines stay where they are.
std::string bare_code(std::string_view code);
/// The lines (from 1) that assign `name`: = += -= *= /= behind it, with an index or member in between.
std::vector<int> assigned_lines(std::string_view bare, std::string_view name);
/// The lines of `code` that name it at all, in code or in quotes ("m"), comments aside.
std::vector<int> named_lines(std::string_view code, std::string_view name);
/// All words of the code that can be names, and the texts in quotes.
std::vector<std::string> code_words(std::string_view code);

}  // namespace gradus
