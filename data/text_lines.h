// Files of texts, one a line, and of JSON objects of texts, one a line.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace gradus {

struct TextLine {
  std::string text;
  std::string where;  ///< "FILE, line 3"
};
/// The lines of a file without their ends; lines of blanks alone are passed over. Throws DataError where it cannot be read.
std::vector<TextLine> read_text_lines(const std::string& path);

/// The texts of a line that holds {"key": "text", ...}. Throws DataError naming file and line for what is no JSON object, lacks a
/// required text, or has another key (with the nearest) or another value.
std::map<std::string, std::string> json_texts(const TextLine& line, const std::vector<std::string>& required,
                                              const std::vector<std::string>& optional = {});

}  // namespace gradus
