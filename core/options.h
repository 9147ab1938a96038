// Options: the text form "name:key=value,key=value" of everything a registry builds (optimizers, models,
// schedules, data sets), and the one visitor by which option structs are parsed, validated, described and
// written back.
//
//   struct Options {
//     real lr = 1e-3; int64 depth = 2; std::string act = "relu";
//     void visit(auto&& f) {
//       f("lr", lr, "step size", positive());
//       f("depth", depth, "number of layers", at_least(1));
//       f("act", act, "activation", choices({"relu", "tanh"}));
//     }
//   };
//   Options o; set_options(o, parse_spec("mlp:depth=3").options, "model mlp");
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/real.h"

namespace gradus {

using OptionList = std::vector<std::pair<std::string, std::string>>;

/// "adam:lr=1e-3,beta1=0.9" taken apart; nested parentheses and brackets protect their commas
/// ("sam(sgd:lr=1,momentum=0.9):rho=1").
struct Spec {
  std::string name;    ///< "adam"
  std::string inner;   ///< what stands in parentheses behind the name, or ""
  OptionList options;  ///< in the order given
  std::string str() const;
};
/// Throws UsageError for an empty name, a missing '=', an empty or repeated key, unbalanced parentheses.
Spec parse_spec(std::string_view text);
/// "a=1,b=2" alone.
OptionList parse_options(std::string_view text);

/// What values an option may take.
struct Limits {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;
  std::vector<std::string> words;  ///< the valid words of a text option; empty: any
  /// "> 0", "0 <= x < 1", "relu | tanh", or "".
  std::string str() const;
};
inline Limits positive() { return {.low = 0, .low_open = true}; }
inline Limits at_least(double low) { return {.low = low}; }
inline Limits between(double low, double high) { return {.low = low, .high = high}; }
/// 0 <= x < 1: decay rates.
inline Limits decay_rate() { return {.low = 0, .high = 1, .high_open = true}; }
inline Limits choices(std::vector<std::string> words) { return {.words = std::move(words)}; }

/// One line of help.
struct OptionInfo {
  std::string name, type, default_value, limits, help;
};

namespace detail {
// Parsers throw UsageError naming `where` (e.g. "optimizer adam: lr") and the valid values.
void parse_value(const std::string& text, double& out, const Limits& limits, const std::string& where);
void parse_value(const std::string& text, float& out, const Limits& limits, const std::string& where);
void parse_value(const std::string& text, int64& out, const Limits& limits, const std::string& where);
void parse_value(const std::string& text, int& out, const Limits& limits, const std::string& where);
void parse_value(const std::string& text, bool& out, const Limits& limits, const std::string& where);
void parse_value(const std::string& text, std::string& out, const Limits& limits, const std::string& where);
/// Several integers joined by '-': "256-128"; "none" is the empty list.
void parse_value(const std::string& text, std::vector<int64>& out, const Limits& limits,
                 const std::string& where);
/// "none" is no value.
template <class T>
void parse_value(const std::string& text, std::optional<T>& out, const Limits& limits,
                 const std::string& where) {
  if (text == "none") {
    out.reset();
    return;
  }
  T value{};
  parse_value(text, value, limits, where);
  out = value;
}

std::string value_text(double v);
std::string value_text(float v);
std::string value_text(int64 v);
std::string value_text(int v);
std::string value_text(bool v);
std::string value_text(const std::string& v);
std::string value_text(const std::vector<int64>& v);
template <class T>
std::string value_text(const std::optional<T>& v) {
  return v ? value_text(*v) : "none";
}

inline const char* type_name(double) { return "number"; }
inline const char* type_name(float) { return "number"; }
inline const char* type_name(int64) { return "integer"; }
inline const char* type_name(int) { return "integer"; }
inline const char* type_name(bool) { return "flag"; }
inline const char* type_name(const std::string&) { return "word"; }
inline const char* type_name(const std::vector<int64>&) { return "integers"; }
template <class T>
const char* type_name(const std::optional<T>&) {
  return type_name(T{});
}
}  // namespace detail

/// The options of a struct with their present values as defaults.
template <class O>
std::vector<OptionInfo> describe_options(O options = {}) {
  std::vector<OptionInfo> infos;
  options.visit([&](const char* name, auto& field, const char* help, const Limits& limits = {}) {
    infos.push_back({name, detail::type_name(field), detail::value_text(field), limits.str(), help});
  });
  return infos;
}

/// Sets the named fields. `where` ("optimizer adam") opens the messages. Throws UsageError for an unknown key
/// (naming the valid ones and the nearest) and for a value of the wrong type or out of range.
template <class O>
void set_options(O& options, const OptionList& list, const std::string& where) {
  for (const auto& option : list) {
    const std::string &key = option.first, &text = option.second;
    bool found = false;
    std::vector<std::string> names;
    options.visit([&](const char* name, auto& field, const char*, const Limits& limits = {}) {
      names.emplace_back(name);
      if (key != name) return;
      found = true;
      detail::parse_value(text, field, limits, where + ": " + name);
    });
    if (!found) throw UsageError(where + ": " + unknown_name("option", key, names));
  }
}

/// All fields as text, so that set_options(O{}, option_list(o)) gives o back exactly.
template <class O>
OptionList option_list(O options) {
  OptionList list;
  options.visit([&](const char* name, auto& field, const char*, const Limits& = {}) {
    list.emplace_back(name, detail::value_text(field));
  });
  return list;
}

}  // namespace gradus
