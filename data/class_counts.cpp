#include "data/class_counts.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/number_text.h"
#include "core/options.h"

namespace gradus {

std::vector<int64> class_counts(const Dataset& data) {
  const DatasetInfo& info = data.info();
  if (info.targets || info.kind == DataKind::kText)
    fail<UsageError>("data set {}: has no class labels to count", info.name);
  std::vector<int64> counts(static_cast<std::size_t>(info.classes));
  for (int64 i = 0; i < data.size(); ++i) ++counts[static_cast<std::size_t>(data.label(i))];
  return counts;
}

std::string class_name(const DatasetInfo& info, int64 label) {
  return label < static_cast<int64>(info.class_names.size())
             ? info.class_names[static_cast<std::size_t>(label)]
             : fmt::format("{}", label);
}

std::vector<double> class_weights(const std::string& text, const Dataset& train) {
  if (text.empty() || text == "none") return {};
  const DatasetInfo& info = train.info();
  const std::vector<int64> counts = class_counts(train);
  if (text == "balanced") {
    const auto occur = std::count_if(counts.begin(), counts.end(), [](int64 n) { return n > 0; });
    std::vector<double> weights;
    for (const int64 n : counts)
      weights.push_back(n ? static_cast<double>(train.size()) / static_cast<double>(occur * n) : 0);
    return weights;
  }
  if (text.find('=') == std::string::npos)
    fail<UsageError>("class weights '{}': needs 'balanced' or CLASS=WEIGHT,CLASS=WEIGHT,...", text);
  std::vector<std::string> names;
  for (int64 c = 0; c < info.classes; ++c) names.push_back(class_name(info, c));
  std::vector<double> weights(names.size(), 1);
  for (const auto& [key, value] : parse_options(text)) {
    auto at = std::find(names.begin(), names.end(), key);
    if (const auto number = number_in(key);
        at == names.end() && number)  // its number, where classes have names
      for (std::size_t c = 0; c < names.size(); ++c)
        if (static_cast<double>(c) == *number) at = names.begin() + static_cast<std::ptrdiff_t>(c);
    if (at == names.end()) throw UsageError("class weights: " + unknown_name("class", key, names));
    parse_option(value, &weights[static_cast<std::size_t>(at - names.begin())], at_least(0),
                 "class weights: " + key);
  }
  if (std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0; }))
    fail<UsageError>("class weights '{}': every class would weigh nothing", text);
  return weights;
}

std::string imbalance_note(const Dataset& train) {
  constexpr int64 kUnbalanced = 10;
  constexpr std::size_t kNamed = 5;
  const DatasetInfo& info = train.info();
  if (info.targets || info.kind == DataKind::kText || info.classes < 2) return "";
  const std::vector<int64> counts = class_counts(train);
  std::vector<std::string> none;
  int64 least = -1, most = 0;
  for (int64 c = 0; c < info.classes; ++c) {
    const auto n = [&](int64 k) { return counts[static_cast<std::size_t>(k)]; };
    if (n(c) == 0) {
      none.push_back(class_name(info, c));
      continue;
    }
    if (least < 0 || n(c) < n(least)) least = c;
    if (n(c) > n(most)) most = c;
  }
  std::string text;
  if (!none.empty()) {
    const std::size_t more = none.size() - std::min(none.size(), kNamed);
    none.resize(std::min(none.size(), kNamed));
    text = fmt::format("no training example has the class {}{}", fmt::join(none, ", "),
                       more ? fmt::format(" (and {} more)", more) : "");
  }
  const int64 low = least < 0 ? 0 : counts[static_cast<std::size_t>(least)];
  const int64 high = counts[static_cast<std::size_t>(most)];
  if (low > 0 && high > kUnbalanced * low)
    text += fmt::format(
        "{}the classes are unbalanced, 1:{:.3g}: {} of the training examples are '{}', {} are '{}'; "
        "--class-weights balanced, --sampler balanced or --focal 2 give rare classes more weight, and "
        "--metric "
        "f1 judges all classes alike",
        text.empty() ? "" : "; ", static_cast<double>(high) / static_cast<double>(low), low,
        class_name(info, least), high, class_name(info, most));
  return text;
}

}  // namespace gradus
