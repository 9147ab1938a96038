#include "core/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "core/quoting.h"

namespace gradus {
namespace {

[[noreturn]] void unbalanced(std::string_view text) {
  fail<UsageError>("unbalanced parentheses in '{}' (a value that holds one is quoted: path=\"a(b.csv\")",
                   text);
}

// Splits at `separator` outside of parentheses and quoted values.
std::vector<std::string_view> split_outside(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == separator && depth == 0)) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    } else if (text[i] == '"' && i > 0 && text[i - 1] == '=') {
      i = end_of_quoted(text, i) - 1;
    } else if (text[i] == '(' || text[i] == '[') {
      ++depth;
    } else if (text[i] == ')' || text[i] == ']') {
      if (--depth < 0) unbalanced(text);
    }
  }
  if (depth) unbalanced(text);
  return parts;
}

template <class T>
void parse_number(const std::string& text, T& out, const Limits& limits, const std::string& where,
                  const char* kind) {
  T value{};
  const char* end = text.data() + text.size();
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  auto [stop, error] = std::from_chars(begin, end, value);
  if constexpr (std::is_floating_point_v<T>)
    if (error == std::errc::result_out_of_range &&
        stop == end) {  // too small is 0 or denormal, too large infinite
      value = sizeof(T) == sizeof(float) ? static_cast<T>(std::strtof(begin, nullptr))
                                         : static_cast<T>(std::strtod(begin, nullptr));
      error = std::errc();
    }
  if (error != std::errc() || stop != end || !std::isfinite(static_cast<double>(value)))
    fail<UsageError>("{} needs {}, not '{}'", where, kind, text);
  const auto v = static_cast<double>(value);
  const bool low_ok = limits.low_open ? v > limits.low : v >= limits.low;
  const bool high_ok = limits.high_open ? v < limits.high : v <= limits.high;
  if (!low_ok || !high_ok) fail<UsageError>("{} = {} is out of range: needs {}", where, text, limits.str());
  out = value;
}

// "none" is no value; several integers are joined by '-'.
void parse_value(const std::string& text, double& out, const Limits& limits, const std::string& where) {
  parse_number(text, out, limits, where, "a number");
}
void parse_value(const std::string& text, float& out, const Limits& limits, const std::string& where) {
  parse_number(text, out, limits, where, "a number");
}
void parse_value(const std::string& text, int64& out, const Limits& limits, const std::string& where) {
  parse_number(text, out, limits, where, "an integer");
}
void parse_value(const std::string& text, int& out, const Limits& limits, const std::string& where) {
  parse_number(text, out, limits, where, "an integer");
}
void parse_value(const std::string& text, bool& out, const Limits&, const std::string& where) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") {
    out = true;
  } else if (text == "false" || text == "0" || text == "no" || text == "off") {
    out = false;
  } else {
    fail<UsageError>("{} needs true or false, not '{}'", where, text);
  }
}
void parse_value(const std::string& text, std::string& out, const Limits& limits, const std::string& where) {
  if (!limits.words.empty() &&
      std::find(limits.words.begin(), limits.words.end(), text) == limits.words.end())
    throw UsageError(where + ": " + unknown_name("value", text, limits.words));
  out = text;
}
void parse_value(const std::string& text, std::vector<int64>& out, const Limits& limits,
                 const std::string& where) {
  std::vector<int64> values;
  if (text != "none")
    for (std::string_view part : split_outside(text, '-'))
      parse_number(std::string(part), values.emplace_back(), limits, where, "integers joined by '-'");
  out = std::move(values);
}

// Joined by '-', which is a sign only behind an exponent's e.
void parse_value(const std::string& text, std::vector<double>& out, const Limits& limits,
                 const std::string& where) {
  std::vector<double> values;
  for (size_t begin = 0; text != "none" && begin <= text.size();) {
    size_t end = text.find('-', begin);
    while (end != std::string::npos && end > begin && (text[end - 1] == 'e' || text[end - 1] == 'E'))
      end = text.find('-', end + 1);
    end = std::min(end, text.size());
    parse_number(text.substr(begin, end - begin), values.emplace_back(), limits, where,
                 "numbers joined by '-'");
    begin = end + 1;
  }
  out = std::move(values);
}

void parse_value(const std::string& text, std::vector<std::string>& out, const Limits&, const std::string&) {
  out.push_back(text);
}
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

std::string value_text(double v) { return fmt::format("{}", v); }
std::string value_text(float v) { return fmt::format("{}", v); }
std::string value_text(int64 v) { return fmt::format("{}", v); }
std::string value_text(int v) { return fmt::format("{}", v); }
std::string value_text(bool v) { return v ? "true" : "false"; }
std::string value_text(const std::string& v) { return v; }
std::string value_text(const std::vector<int64>& v) {
  return v.empty() ? "none" : fmt::format("{}", fmt::join(v, "-"));
}
std::string value_text(const std::vector<double>& v) {
  return v.empty() ? "none" : fmt::format("{}", fmt::join(v, "-"));
}
std::string value_text(const std::vector<std::string>& v) { return fmt::format("{}", fmt::join(v, " ")); }
template <class T>
std::string value_text(const std::optional<T>& v) {
  return v ? value_text(*v) : "none";
}

const char* type_name(double) { return "number"; }
const char* type_name(float) { return "number"; }
const char* type_name(int64) { return "integer"; }
const char* type_name(int) { return "integer"; }
const char* type_name(bool) { return "flag"; }
const char* type_name(const std::string&) { return "word"; }
const char* type_name(const std::vector<int64>&) { return "integers"; }
const char* type_name(const std::vector<double>&) { return "numbers"; }
const char* type_name(const std::vector<std::string>&) { return "words"; }
template <class T>
const char* type_name(const std::optional<T>&) {
  return type_name(T{});
}

}  // namespace

std::string Spec::str() const {
  std::string text = name;
  if (!inner.empty()) text += "(" + inner + ")";
  for (size_t i = 0; i < options.size(); ++i)
    text += (i ? "," : ":") + options[i].first + "=" + quoted_value(options[i].second);
  return text;
}

OptionList parse_options(std::string_view text) {
  OptionList list;
  if (text.empty()) return list;
  for (std::string_view part : split_outside(text, ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0)
      fail<UsageError>("'{}' is not of the form key=value{}", part.empty() ? text : part,
                       list.empty() ? "" : " (a value with a comma in it is quoted: path=\"a,b.csv\")");
    std::string key(part.substr(0, equals));
    if (std::any_of(list.begin(), list.end(), [&](const auto& o) { return o.first == key; }))
      fail<UsageError>("option '{}' is given twice in '{}'", key, text);
    list.emplace_back(std::move(key), unquoted_value(part.substr(equals + 1)));
  }
  return list;
}

Spec parse_spec(std::string_view text) {
  const std::vector<std::string_view> halves = split_outside(text, ':');
  Spec spec;
  std::string_view head = halves[0];
  if (const size_t open = head.find('('); open != std::string_view::npos) {
    if (!head.ends_with(')')) fail<UsageError>("'{}': text behind the closing parenthesis", text);
    spec.inner = head.substr(open + 1, head.size() - open - 2);
    head = head.substr(0, open);
  }
  if (head.empty()) fail<UsageError>("'{}' has no name", text);
  spec.name = head;
  if (halves.size() > 1) {
    try {
      spec.options = parse_options(text.substr(halves[0].size() + 1));
    } catch (const UsageError& e) {
      fail<UsageError>("'{}': {}", text, e.what());
    }
  }
  return spec;
}

std::string Limits::str() const {
  if (!words.empty()) return fmt::format("{}", fmt::join(words, " | "));
  const bool below = std::isfinite(low), above = std::isfinite(high);
  if (below && above)
    return fmt::format("{} {} x {} {}", low, low_open ? "<" : "<=", high_open ? "<" : "<=", high);
  if (below) return fmt::format("{} {}", low_open ? ">" : ">=", low);
  if (above) return fmt::format("{} {}", high_open ? "<" : "<=", high);
  return "";
}

const char* OptionField::type() const {
  return std::visit([](const auto* v) { return type_name(*v); }, value);
}
std::string OptionField::text() const {
  return std::visit([](const auto* v) { return value_text(*v); }, value);
}
void OptionField::parse(const std::string& text, const std::string& where) const {
  parse_option(text, value, limits, where);
}
void parse_option(const std::string& text, OptionField::Value out, const Limits& limits,
                  const std::string& where) {
  std::visit([&](auto* v) { parse_value(text, *v, limits, where); }, out);
}
void FieldCollector::add(OptionField field) { fields_.push_back(std::move(field)); }

std::vector<OptionInfo> describe_options(const OptionFields& fields) {
  std::vector<OptionInfo> infos;
  for (const OptionField& f : fields) infos.push_back({f.name, f.type(), f.text(), f.limits.str(), f.help});
  return infos;
}

void set_options(const OptionFields& fields, const OptionList& list, const std::string& where) {
  for (const auto& [key, text] : list) {
    const auto field =
        std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == key; });
    if (field == fields.end())
      throw UsageError(where + ": " + unknown_name("option", key, option_names(fields)));
    field->parse(text, where + ": " + key);
  }
}

OptionList option_list(const OptionFields& fields) {
  OptionList list;
  for (const OptionField& f : fields) list.emplace_back(f.name, f.text());
  return list;
}

std::vector<std::string> option_names(const OptionFields& fields) {
  std::vector<std::string> names;
  for (const OptionField& f : fields) names.emplace_back(f.name);
  return names;
}

std::optional<double> numeric_option(const OptionFields& fields, std::string_view name) {
  for (const OptionField& f : fields) {
    if (f.name != name) continue;
    return std::visit(
        [](const auto* v) -> std::optional<double> {
          using T = std::remove_cvref_t<decltype(*v)>;
          if constexpr (std::is_arithmetic_v<T>) return static_cast<double>(*v);
          if constexpr (std::is_same_v<T, std::optional<double>>) return *v;
          return std::nullopt;
        },
        f.value);
  }
  return std::nullopt;
}

}  // namespace gradus
