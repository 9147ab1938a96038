// The head of a file as a page shows it: equations set as mathematics, each with links to the lines that assign its variable,
// and remarks.
#pragma once

#include <string>
#include <vector>

#include "apps/book/math_set.h"
#include "apps/report/page.h"

namespace gradus {

struct HeadLine {
  int indent = 0;  ///< beyond that of equations, in steps of two blanks
  std::string text;
  bool remark = false;  ///< prose at the left margin
};
/// Lines of an entry's equations: "  m = ..." are equations, what is not indented are remarks. `all_equations`: text without
/// indents, as papers have it.
std::vector<HeadLine> head_lines(const std::string& equations, bool all_equations = false);

/// Names that the lines define, with those of options.
KnownNames known_names(const std::vector<HeadLine>& lines, const std::vector<std::string>& options);

/// The variables that a line sets, in order: in front of = and <- outside of brackets.
std::vector<std::string> assigned_names(const std::string& line);

/// Equations and remarks. `code`: the file beside them, or ""; `page`: what is put in front of the lines' anchors ("" on the
/// same page).
Html equations_view(const std::vector<HeadLine>& lines, const KnownNames& known, const std::string& code,
                    const std::string& page);

}  // namespace gradus
