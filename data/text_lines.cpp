#include "data/text_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/byte_source.h"
#include "core/error.h"

namespace gradus {

std::vector<TextLine> read_text_lines(const std::string& path) {
  const std::string text = read_text_file(path);
  std::vector<TextLine> lines;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == line.npos) continue;
    lines.push_back({std::move(line), fmt::format("{}, line {}", path, number)});
  }
  return lines;
}

std::map<std::string, std::string> json_texts(const TextLine& line, const std::vector<std::string>& required,
                                              const std::vector<std::string>& optional) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(line.text);
  } catch (const nlohmann::json::exception&) {
    fail<DataError>("{}: is no JSON", line.where);
  }
  if (!json.is_object())
    fail<DataError>("{}: expected an object with {}", line.where, fmt::join(required, ", "));
  std::vector<std::string> valid = required;
  valid.insert(valid.end(), optional.begin(), optional.end());
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : json.items()) {
    if (std::find(valid.begin(), valid.end(), key) == valid.end()) {
      const std::string near = nearest(key, valid);
      fail<DataError>("{}: unknown key '{}'{}; valid: {}", line.where, key,
                      near.empty() ? "" : fmt::format("; did you mean '{}'?", near), fmt::join(valid, ", "));
    }
    if (!value.is_string())
      fail<DataError>("{}: {} is {}, expected text", line.where, key, value.type_name());
    texts[key] = value.get<std::string>();
  }
  for (const std::string& key : required)
    if (!texts.contains(key)) fail<DataError>("{}: '{}' is missing", line.where, key);
  return texts;
}

}  // namespace gradus
