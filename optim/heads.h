// The head of an optimizer's file, as a table: its equations stand once, in the comment that a reader of the file sees
// first, and `gradus optim show` prints them from here.
#pragma once

#include <source_location>
#include <span>
#include <string>
#include <string_view>

#include "optim/registry.h"

namespace gradus {

struct SourceHead {
  std::string_view file;  ///< "optim/rules/adam.cpp"
  std::string_view text;  ///< its first comment, lines beginning with //
};

/// One for every file of rules/, transforms/ and wrappers/ that has a head; made from the sources as the library is
/// built (cmake/heads.cmake).
std::span<const SourceHead> source_heads();

/// What stands below title and papers: equations, indented by two, then remarks.
std::string equations_of(std::string_view head);

/// `text` with its source file, and with the equations of that file's head. A file outside the library has none.
OptimizerText with_head(OptimizerText text,
                        const std::source_location& where = std::source_location::current());

}  // namespace gradus
