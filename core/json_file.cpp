#include "core/json_file.h"

#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/error.h"

namespace gradus {
namespace {

std::string option_text(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "none";
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return fmt::format("{}", value.get<int64>());
  if (value.is_number()) return fmt::format("{}", value.get<double>());
  std::string text;
  for (const auto& part : value) {
    if (!text.empty()) text += '-';
    text += option_text(part);
  }
  return text;
}

}  // namespace

nlohmann::json read_json(const std::string& path) {
  const std::string text = read_text_file(path);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    fail<DataError>("{}: at offset {}: expected JSON: {}", path, e.byte, e.what());
  } catch (const nlohmann::json::out_of_range& e) {  // 1e999
    fail<DataError>("{}: {}", path, e.what());
  }
}

OptionList options_from_json(const nlohmann::ordered_json& object) {
  OptionList list;
  for (const auto& [key, value] : object.items()) list.emplace_back(key, option_text(value));
  return list;
}

void write_json(const std::string& path, const nlohmann::json& value) {
  write_file(path, value.dump(2) + "\n");
}

}  // namespace gradus
