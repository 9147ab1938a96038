#include "apps/papers/case_shape.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace gradus {
namespace {

bool is_further(const std::string& dimension) { return dimension.starts_with("..."); }

std::vector<std::string> dimensions(const std::string& documented) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : documented + ",") {
    if (c == ',') {
      if (!part.empty()) parts.push_back(std::move(part));
      part.clear();
    } else if (c != ' ') {
      part += c;
    }
  }
  return parts;
}

// A sum of products: "o*d+o-1". Names that are not known go to `unknown`, once each, and count as `guess`.
int64 evaluate(const std::string& expression, const std::map<std::string, int64>& known, int64 guess,
               std::vector<std::string>& unknown) {
  int64 total = 0, product = 1, sign = 1;
  std::string word;
  for (const char c : expression + "+") {
    if (c != '+' && c != '-' && c != '*') {
      word += c;
      continue;
    }
    if (word.empty()) fail<Error>("shape '{}' of a case function: an operand is missing", expression);
    if (std::isdigit(static_cast<unsigned char>(word[0]))) {
      product *= std::stoll(word);
    } else if (const auto found = known.find(word); found != known.end()) {
      product *= found->second;
    } else {
      if (std::find(unknown.begin(), unknown.end(), word) == unknown.end()) unknown.push_back(word);
      product *= guess;
    }
    word.clear();
    if (c == '*') continue;
    total += sign * product, product = 1, sign = c == '-' ? -1 : 1;
  }
  return total;
}

}  // namespace

CaseSizes::CaseSizes(const std::vector<OptionInfo>& options, const OptionList& given) {
  for (const OptionInfo& option : options) {
    if (option.type != "integer") continue;
    std::string text = option.default_value;
    for (const auto& [key, value] : given)
      if (key == option.name) text = value;
    // What is no integer, the function itself complains about.
    if (!text.empty() && text.size() < 18 &&
        std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); }))
      known_[option.name] = std::stoll(text);
  }
}

void CaseSizes::match(const std::vector<Value>& values, const std::string& section) {
  std::vector<const Value*> waiting;
  for (const Value& value : values) waiting.push_back(&value);
  for (size_t before = waiting.size() + 1; waiting.size() < before;) {
    before = waiting.size();
    const size_t known = known_.size();
    std::erase_if(waiting, [&](const Value* value) { return match_one(*value, section); });
    if (known_.size() > known) ++before;  // a letter more may be what another value waits for
    if (waiting.empty()) return;
  }
}

// True where all dimensions are checked.
bool CaseSizes::match_one(const Value& value, const std::string& section) {
  const std::vector<std::string> documented = dimensions(value.documented);
  const auto dots = std::find_if(documented.begin(), documented.end(), is_further);
  const size_t rank = static_cast<size_t>(value.shape.rank());
  const size_t named = documented.size() - (dots == documented.end() ? 0 : 1);
  if (dots == documented.end() ? rank != named : rank < named) mismatch(value, section);
  const size_t before = static_cast<size_t>(dots - documented.begin()), further = rank - named;
  if (dots != documented.end()) {
    const auto first = value.shape.begin() + before;
    const std::vector<int64> extents(first, first + further);
    if (further_.try_emplace(*dots, extents).first->second != extents) mismatch(value, section);
  }
  bool waiting = false;
  for (size_t i = 0; i < documented.size(); ++i) {
    if (i == before && dots != documented.end()) continue;
    const size_t axis = i < before ? i : i + further - 1;
    if (!match_extent(documented[i], value.shape[static_cast<int>(axis)], waiting)) mismatch(value, section);
  }
  return !waiting;
}

bool CaseSizes::match_extent(const std::string& expression, int64 extent, bool& waiting) {
  std::vector<std::string> unknown;
  const int64 at0 = evaluate(expression, known_, 0, unknown);
  if (unknown.empty()) return at0 == extent;
  const int64 slope = evaluate(expression, known_, 1, unknown) - at0;
  const bool linear = evaluate(expression, known_, 2, unknown) == at0 + 2 * slope && slope != 0;
  if (unknown.size() > 1 || !linear) {
    waiting = true;
    return true;
  }
  const int64 letter = (extent - at0) / slope;
  if (letter < 0 || at0 + slope * letter != extent) return false;
  known_[unknown[0]] = letter;
  return true;
}

void CaseSizes::mismatch(const Value& value, const std::string& section) const {
  std::vector<std::string> extents;
  for (const std::string& expression : dimensions(value.documented)) {
    std::vector<std::string> unknown;
    if (is_further(expression)) {
      const auto found = further_.find(expression);
      extents.push_back(found == further_.end() ? expression
                                                : fmt::format("{}", fmt::join(found->second, ", ")));
      continue;
    }
    const int64 extent = evaluate(expression, known_, 0, unknown);
    extents.push_back(unknown.empty() ? std::to_string(extent) : expression);
  }
  fail<DataError>("{}.{}: shape {}, expected ({}) = ({})", section, value.name, value.shape.str(),
                  value.documented, fmt::join(extents, ", "));
}

}  // namespace gradus
