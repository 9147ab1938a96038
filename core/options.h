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
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/real.h"

namespace gradus {

using OptionList = std::vector<std::pair<std::string, std::string>>;

/// "adam:lr=1e-3,beta1=0.9" taken apart; nested parentheses, brackets and quotes protect their commas
/// ("sam(sgd:lr=1,momentum=0.9):rho=1", "csv:path=\"a,b.csv\"": core/quoting.h).
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

/// A field of an options struct, as visit() names it: where its value lies, and what may stand there.
struct OptionField {
  using Value = std::variant<double*, float*, int64*, int*, bool*, std::string*, std::vector<int64>*,
                             std::vector<double>*, std::vector<std::string>*, std::optional<double>*,
                             std::optional<int64>*>;
  const char* name;
  Value value;
  const char* help;
  Limits limits;

  /// "number", "integer", "flag", "word", "integers", "numbers", "words".
  const char* type() const;
  /// The value as text that parse() takes back exactly; "none" for no value.
  std::string text() const;
  /// Sets the value; a list of words grows by one. Throws UsageError, opened by `where` ("optimizer adam: lr"),
  /// for text of the wrong type and values out of range, naming the valid ones.
  void parse(const std::string& text, const std::string& where) const;
};
using OptionFields = std::vector<OptionField>;
/// Text from elsewhere, read as an option of this type would be.
void parse_option(const std::string& text, OptionField::Value out, const Limits& limits,
                  const std::string& where);

/// What visit() is called with: collects the fields, so that all else is compiled once, not once a struct.
class FieldCollector {
 public:
  explicit FieldCollector(OptionFields& fields) : fields_(fields) {}
  template <class T>
  void operator()(const char* name, T& field, const char* help, Limits limits = {}) {
    add({name, &field, help, std::move(limits)});
  }

 private:
  void add(OptionField field);
  OptionFields& fields_;
};

/// The fields of `options`, in order; valid as long as it is.
template <class O>
OptionFields fields_of(O& options) {
  OptionFields fields;
  FieldCollector collector(fields);
  options.visit(collector);
  return fields;
}

std::vector<OptionInfo> describe_options(const OptionFields& fields);
void set_options(const OptionFields& fields, const OptionList& list, const std::string& where);
OptionList option_list(const OptionFields& fields);
std::vector<std::string> option_names(const OptionFields& fields);
std::optional<double> numeric_option(const OptionFields& fields, std::string_view name);

/// The options of a struct with their present values as defaults.
template <class O>
std::vector<OptionInfo> describe_options(O options = {}) {
  return describe_options(fields_of(options));
}

/// Sets the named fields. `where` ("optimizer adam") opens the messages. Throws UsageError for an unknown key
/// (naming the valid ones and the nearest) and for a value of the wrong type or out of range.
template <class O>
void set_options(O& options, const OptionList& list, const std::string& where) {
  set_options(fields_of(options), list, where);
}

/// All fields as text, so that set_options(O{}, option_list(o)) gives o back exactly.
template <class O>
OptionList option_list(O options) {
  return option_list(fields_of(options));
}

/// The names of the options of O.
template <class O>
std::vector<std::string> option_names() {
  O options;
  return option_names(fields_of(options));
}

/// The value of a numeric option, if O has one of that name and it has a value.
template <class O>
std::optional<double> numeric_option(O options, std::string_view name) {
  return numeric_option(fields_of(options), name);
}

}  // namespace gradus
