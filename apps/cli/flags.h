// Flags of commands from option structs: the same visit() that describes the options of a registry entry makes
// the flags, the help, the JSON of --config and --print-config, and the complaints.
//
//   struct Options { int64 batch_size = 64; bool shuffle = true; std::vector<std::string> freeze;
//     void visit(auto&& f) { f("batch_size", batch_size, "examples a step", at_least(1)); ... } };
//   --batch-size N     a field with a value
//   --no-shuffle       a flag that is true unless given; --json: one that is false unless given
//   --freeze GLOB      a list: may be repeated
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/options.h"

namespace gradus {

namespace detail {
inline void parse_value(const std::string& text, std::vector<std::string>& out, const Limits&,
                        const std::string&) {
  out.push_back(text);
}
inline std::string value_text(const std::vector<std::string>& v) {
  return fmt::format("{}", fmt::join(v, " "));
}
template <class T>
inline constexpr bool kIsFlag = std::is_same_v<T, bool>;
template <class T>
inline constexpr bool kIsList = std::is_same_v<T, std::vector<std::string>>;

/// What stands for the value in the help.
inline const char* value_name(const std::string&) { return "TEXT"; }
inline const char* value_name(const std::vector<std::string>&) { return "TEXT"; }
inline const char* value_name(const std::vector<int64>&) { return "N-N-..."; }
inline const char* value_name(double) { return "X"; }
inline const char* value_name(float) { return "X"; }
inline const char* value_name(int64) { return "N"; }
inline const char* value_name(int) { return "N"; }
template <class T>
const char* value_name(const std::optional<T>&) {
  return value_name(T{});
}

nlohmann::ordered_json to_json(const std::string& text, bool quoted);
/// A JSON value as the text of an option; a list of texts for an array. Throws UsageError for objects.
std::vector<std::string> texts_of(const nlohmann::json& value, const std::string& where);
template <class T>
bool is_text(const T&) {
  return std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<int64>>;
}
}  // namespace detail

/// "batch_size" as a flag: "--batch-size".
std::string flag_name(const std::string& key);

/// Adds a flag a field to `app`. What the user gives lands in `given` as (field, text), in the order given.
template <class O>
void add_flags(CLI::App& app, const std::shared_ptr<OptionList>& given) {
  O defaults;
  defaults.visit([&](const char* name, auto& field, const char* help, const Limits& limits = {}) {
    using T = std::remove_cvref_t<decltype(field)>;
    const std::string key = name, range = limits.str();
    if constexpr (detail::kIsFlag<T>) {
      const bool value = !field;
      app.add_flag_callback(
          field ? "--no-" + flag_name(key).substr(2) : flag_name(key),
          [given, key, value] { given->emplace_back(key, value ? "true" : "false"); }, help);
    } else {
      auto* option = app.add_option_function<std::vector<std::string>>(
          flag_name(key),
          [given, key](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) given->emplace_back(key, text);
          },
          range.empty() ? help : fmt::format("{} ({})", help, range));
      const std::string text = detail::value_text(field);
      option->type_name(detail::value_name(field) + (text.empty() || text == "none" ? "" : "=" + text));
      // Of a value given twice the last counts; a list keeps all.
      option->expected(1)->multi_option_policy(detail::kIsList<T> ? CLI::MultiOptionPolicy::TakeAll
                                                                  : CLI::MultiOptionPolicy::TakeLast);
    }
  });
}

/// Sets the named fields; a list given anew replaces what was there. Throws UsageError for an unknown name (with
/// the nearest) and for values out of range. Messages say "--batch-size: ...".
template <class O>
void assign(O& options, const OptionList& given) {
  std::vector<std::string> lists_seen;
  for (const auto& [key, text] : given) {
    bool found = false;
    std::vector<std::string> names;
    options.visit([&](const char* name, auto& field, const char*, const Limits& limits = {}) {
      names.emplace_back(name);
      if (key != name) return;
      found = true;
      if constexpr (detail::kIsList<std::remove_cvref_t<decltype(field)>>) {
        if (std::find(lists_seen.begin(), lists_seen.end(), key) == lists_seen.end()) field.clear();
        lists_seen.push_back(key);
      }
      detail::parse_value(text, field, limits, flag_name(key));
    });
    if (!found) throw UsageError(unknown_name("key", key, names));
  }
}

/// All fields, in order, as JSON.
template <class O>
nlohmann::ordered_json options_json(O options) {
  nlohmann::ordered_json json;
  options.visit([&](const char* name, auto& field, const char*, const Limits& = {}) {
    if constexpr (detail::kIsList<std::remove_cvref_t<decltype(field)>>)
      json[name] = field;
    else
      json[name] = detail::to_json(detail::value_text(field), detail::is_text(field));
  });
  return json;
}

/// The entries of a JSON object as assign() takes them. Throws UsageError, opened by `where`, for anything else.
OptionList given_in_json(const nlohmann::json& json, const std::string& where);

}  // namespace gradus
