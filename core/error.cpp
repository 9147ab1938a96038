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
  for (char& c : out) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// What other programs call it, folded.
constexpr std::pair<std::string_view, const char*> kOtherNames[] = {
    {"learning-rate", "lr"},
    {"learningrate", "lr"},
    {"wd", "weight_decay"},
    {"decay", "weight_decay"},
    {"l2", "weight_decay"},
    {"betas", "beta1"},
    {"epsilon", "eps"},
    {"mom", "momentum"},
    {"beta", "beta1"},
    {"activation", "act"},
    {"batch", "batch_size"},
    {"bs", "batch_size"},
    {"fashionmnist", "fashion-mnist"},
    {"fmnist", "fashion-mnist"},
    {"cifar", "cifar10"},
    {"cifar-10", "cifar10"},
    {"shakespeare", "tinyshakespeare"},
};

// The names of `valid` in the order of their distance from the word.
std::vector<std::string> by_distance(std::string_view word, std::vector<std::string> valid) {
  std::stable_sort(valid.begin(), valid.end(), [&](const auto& a, const auto& b) {
    return edit_distance(word, a) < edit_distance(word, b);
  });
  return valid;
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

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string plain = folded(word);
  for (const auto& candidate : candidates)
    if (folded(candidate) == plain) return candidate;
  for (const auto& [other, ours] : kOtherNames)
    if (plain == other && std::find(candidates.begin(), candidates.end(), ours) != candidates.end())
      return ours;
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(plain, folded(candidate));
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string unknown_name(std::string_view kind, std::string_view word,
                         const std::vector<std::string>& valid) {
  const std::string guess = nearest(word, valid);
  std::string text = fmt::format("unknown {} '{}'", kind, word);
  if (!guess.empty()) text += fmt::format("; did you mean '{}'?", guess);
  const char* mark = guess.empty() ? ";" : "";
  constexpr size_t kAll = 20, kNear = 3;
  if (valid.size() <= kAll) return text + fmt::format("{} valid: {}", mark, fmt::join(valid, ", "));
  const std::vector<std::string> sorted = by_distance(word, valid);
  return text + fmt::format("{} nearest of {}: {}", mark, valid.size(),
                            fmt::join(sorted.begin(), sorted.begin() + kNear, ", "));
}

}  // namespace gradus
