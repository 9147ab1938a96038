#include "apps/cli/flags.h"

#include <algorithm>

namespace gradus {

std::string flag_name(const std::string& key) {
  std::string name = "--" + key;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

nlohmann::ordered_json detail::to_json(const std::string& text, bool quoted) {
  if (quoted) return text;
  if (text == "none") return nullptr;
  const auto number = nlohmann::ordered_json::parse(text, nullptr, false);
  return number.is_discarded() ? nlohmann::ordered_json(text) : number;
}

std::vector<std::string> detail::texts_of(const nlohmann::json& value, const std::string& where) {
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_null()) return {"none"};
  if (value.is_object()) fail<UsageError>("{}: an object is no value", where);
  if (!value.is_array()) return {value.dump()};
  std::vector<std::string> texts;
  for (const auto& entry : value)
    for (std::string& text : texts_of(entry, where)) texts.push_back(std::move(text));
  return texts;
}

OptionList given_in_json(const nlohmann::json& json, const std::string& where) {
  if (!json.is_object())
    fail<UsageError>("{}: needs a JSON object like the one --print-config prints", where);
  OptionList given;
  for (const auto& [key, value] : json.items())
    for (std::string& text : detail::texts_of(value, where + ": " + key))
      given.emplace_back(key, std::move(text));
  return given;
}

}  // namespace gradus
