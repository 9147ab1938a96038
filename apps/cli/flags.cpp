#include "apps/cli/flags.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gradus {
namespace {

bool is_list(const OptionField& f) { return std::holds_alternative<std::vector<std::string>*>(f.value); }

// What stands for the value in the help.
const char* value_name(const OptionField& f) {
  const std::string_view type = f.type();
  return type == "number"     ? "X"
         : type == "integer"  ? "N"
         : type == "integers" ? "N-N-..."
         : type == "numbers"  ? "X-X-..."
                              : "TEXT";
}

nlohmann::ordered_json to_json(const OptionField& f) {
  if (is_list(f)) return *std::get<std::vector<std::string>*>(f.value);
  const std::string text = f.text();
  if (std::string_view(f.type()).starts_with("word") || std::string_view(f.type()) == "integers" ||
      std::string_view(f.type()) == "numbers")
    return text;
  if (text == "none") return nullptr;
  const auto number = nlohmann::ordered_json::parse(text, nullptr, false);
  return number.is_discarded() ? nlohmann::ordered_json(text) : number;
}

// A JSON value as the text of an option; a list of texts for an array. Throws UsageError for objects.
std::vector<std::string> texts_of(const nlohmann::json& value, const std::string& where) {
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_null()) return {"none"};
  if (value.is_object()) fail<UsageError>("{}: an object is no value", where);
  if (!value.is_array()) return {value.dump()};
  std::vector<std::string> texts;
  for (const auto& entry : value)
    for (std::string& text : texts_of(entry, where)) texts.push_back(std::move(text));
  return texts;
}

}  // namespace

std::string flag_name(const std::string& key) {
  std::string name = "--" + key;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void add_flags(CLI::App& app, const OptionFields& fields, const std::shared_ptr<OptionList>& given) {
  for (const OptionField& f : fields) {
    const std::string key = f.name, range = f.limits.str(), text = f.text();
    if (const auto* flag = std::get_if<bool*>(&f.value)) {
      const bool value = !**flag;
      app.add_flag_callback(
          value ? flag_name(key) : "--no-" + flag_name(key).substr(2),
          [given, key, value] { given->emplace_back(key, value ? "true" : "false"); }, f.help);
      continue;
    }
    auto* option = app.add_option_function<std::vector<std::string>>(
        flag_name(key),
        [given, key](const std::vector<std::string>& texts) {
          for (const std::string& t : texts) given->emplace_back(key, t);
        },
        range.empty() ? f.help : fmt::format("{} ({})", f.help, range));
    option->type_name(value_name(f) + (text.empty() || text == "none" ? "" : "=" + text));
    // Of a value given twice the last counts; a list keeps all. One word is a value: the next may be a name of the command.
    option->expected(1)
        ->allow_extra_args(is_list(f))
        ->multi_option_policy(is_list(f) ? CLI::MultiOptionPolicy::TakeAll
                                         : CLI::MultiOptionPolicy::TakeLast);
  }
}

void assign(const OptionFields& fields, const OptionList& given) {
  std::vector<std::string> lists_seen;
  for (const auto& [key, text] : given) {
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == key; });
    if (field == fields.end()) throw UsageError(unknown_name("key", key, option_names(fields)));
    if (is_list(*field) && std::find(lists_seen.begin(), lists_seen.end(), key) == lists_seen.end()) {
      std::get<std::vector<std::string>*>(field->value)->clear();
      lists_seen.push_back(key);
    }
    field->parse(text, flag_name(key));
  }
}

nlohmann::ordered_json options_json(const OptionFields& fields) {
  nlohmann::ordered_json json;
  for (const OptionField& f : fields) json[f.name] = to_json(f);
  return json;
}

OptionList given_in_json(const nlohmann::json& json, const std::string& where) {
  if (!json.is_object())
    fail<UsageError>("{}: needs a JSON object like the one --print-config prints", where);
  OptionList given;
  for (const auto& [key, value] : json.items())
    for (std::string& text : texts_of(value, where + ": " + key)) given.emplace_back(key, std::move(text));
  return given;
}

}  // namespace gradus
