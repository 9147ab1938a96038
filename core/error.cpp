#include "core/error.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace gradus {
namespace {

thread_local std::vector<const std::string*> module_stack;

std::string with_module_path(const std::string& what) {
  const std::string path = module_path();
  return path.empty() ? what : fmt::format("{} (in {})", what, path);
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

// Case, and which of - and _ stands between words, are no difference between names.
std::string folded(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

Error::Error(const std::string& what) : std::runtime_error(with_module_path(what)) {}

ModuleScope::ModuleScope(const std::string& name) { module_stack.push_back(&name); }
ModuleScope::~ModuleScope() { module_stack.pop_back(); }

std::string module_path() {
  std::string path;
  for (const std::string* name : module_stack) {
    if (name->empty()) continue;
    if (!path.empty()) path += '.';
    path += *name;
  }
  return path;
}

std::string nearest(std::string_view given, const std::vector<std::string>& candidates) {
  const std::string word = folded(given);
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(word, folded(candidate));
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string unknown_name(std::string_view kind, std::string_view word,
                         const std::vector<std::string>& valid) {
  const std::string guess = nearest(word, valid);
  std::string text = fmt::format("unknown {} '{}'", kind, word);
  if (!guess.empty()) text += fmt::format("; did you mean '{}'?", guess);
  return text + fmt::format("{} valid: {}", guess.empty() ? ";" : "", fmt::join(valid, ", "));
}

}  // namespace gradus
