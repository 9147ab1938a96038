#include "data/fitted.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/number_text.h"
#include "core/utf8.h"

namespace gradus {
namespace {

constexpr int64 kUnknown = -1;

// Reads the base with other labels, tokens and normalisation.
class FittedView : public Dataset {
 public:
  FittedView(DatasetPtr base, DatasetInfo info, std::vector<int64> classes, std::vector<int64> tokens)
      : Dataset(std::move(info)),
        base_(std::move(base)),
        classes_(std::move(classes)),
        tokens_(std::move(tokens)) {}

  int64 size() const override { return base_->size(); }
  void expect(int64 i) const override { base_->expect(i); }
  int64 label(int64 i) const override { return classes_[static_cast<std::size_t>(base_->label(i))]; }
  void read_pixels(int64 i, std::uint8_t* out) const override { base_->read_pixels(i, out); }
  void read_reals(int64 i, real* out) const override {
    // Vectors were standardised by their reader; pixels are here.
    info_.kind == DataKind::kImages ? Dataset::read_reals(i, out) : base_->read_reals(i, out);
  }
  void read_targets(int64 i, real* out) const override { base_->read_targets(i, out); }
  int64 starts() const override { return base_->starts(); }
  void read_window(int64 start, int64* tokens, int64* next) const override {
    base_->read_window(start, tokens, next);
    for (int64* list : {tokens, next})
      for (int64 i = 0; i < info_.example[0]; ++i) list[i] = tokens_[static_cast<std::size_t>(list[i])];
  }

 private:
  DatasetPtr base_;
  std::vector<int64> classes_, tokens_;  // by the base's number
};

// Names in a message: the first of them.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += fmt::format("{}'{}'", i ? ", " : "", printable(names[i]));
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

std::string class_name(const DatasetInfo& info, int64 c) {
  return info.class_names.empty() ? fmt::format("{}", c) : info.class_names[static_cast<std::size_t>(c)];
}

// The number of each class of `own` among those of `fitted`, kUnknown for none.
std::vector<int64> class_map(const DatasetInfo& own, const DatasetInfo& fitted) {
  std::map<std::string, int64, std::less<>> by_name;
  std::map<double, int64> by_value;
  for (int64 c = 0; c < fitted.classes; ++c) {
    const std::string name = class_name(fitted, c);
    by_name.emplace(name, c);
    if (const auto value = number_in(name)) by_value.emplace(*value, c);
  }
  const bool numbered = static_cast<int64>(by_value.size()) == fitted.classes;
  std::vector<int64> map;
  for (int64 c = 0; c < own.classes; ++c) {
    if (own.class_names.empty() && !numbered) {  // numbers are all it has
      map.push_back(c < fitted.classes ? c : kUnknown);
      continue;
    }
    const std::string name = class_name(own, c);
    const auto value = number_in(name);
    if (const auto found = by_name.find(name); found != by_name.end())
      map.push_back(found->second);
    else if (const auto same = value ? by_value.find(*value) : by_value.end(); same != by_value.end())
      map.push_back(same->second);
    else
      map.push_back(kUnknown);
  }
  return map;
}

std::vector<int64> token_map(const DatasetInfo& own, const DatasetInfo& fitted) {
  std::map<std::string, int64, std::less<>> ids;
  for (std::size_t i = 0; i < fitted.vocabulary.size(); ++i)
    ids.emplace(fitted.vocabulary[i], static_cast<int64>(i));
  std::vector<int64> map;
  for (const std::string& token : own.vocabulary) {
    const auto found = ids.find(token);
    map.push_back(found == ids.end() ? kUnknown : found->second);
  }
  return map;
}

// Which classes or tokens occur in a part of the data.
std::vector<bool> occurring(const Dataset& part) {
  std::vector<bool> seen(static_cast<std::size_t>(part.info().classes), false);
  if (part.info().kind != DataKind::kText) {
    for (int64 i = 0; i < part.size(); ++i) seen[static_cast<std::size_t>(part.label(i))] = true;
    return seen;
  }
  const auto block = static_cast<std::size_t>(part.info().example[0]);
  std::vector<int64> tokens(block), next(block);
  // Windows side by side, and a last one that ends where the text does.
  const int64 last = part.starts() - 1;
  for (int64 window = 0; window * part.info().example[0] <= last + part.info().example[0]; ++window) {
    const int64 start = std::min(window * part.info().example[0], last);
    part.read_window(start, tokens.data(), next.data());
    for (const auto* list : {&tokens, &next})
      for (const int64 t : *list) seen[static_cast<std::size_t>(t)] = true;
  }
  return seen;
}

void check_known(const Dataset& part, const std::vector<int64>& map, const DatasetInfo& fitted) {
  const std::vector<bool> seen = occurring(part);
  const bool text = part.info().kind == DataKind::kText;
  std::vector<std::string> unknown, known;
  for (std::size_t c = 0; c < seen.size(); ++c)
    if (seen[c] && map[c] == kUnknown)
      unknown.push_back(text ? part.info().vocabulary[c] : class_name(part.info(), static_cast<int64>(c)));
  if (unknown.empty()) return;
  for (int64 c = 0; c < fitted.classes; ++c)
    known.push_back(text ? fitted.vocabulary[static_cast<std::size_t>(c)] : class_name(fitted, c));
  fail<DataError>("data set {}: the weights know no {} {}; they know: {}", part.info().name,
                  text ? "character" : "class", listed(unknown), listed(known));
}

void check_same_kind(const DatasetInfo& own, const DatasetInfo& fitted) {
  if (own.kind != fitted.kind)
    fail<DataError>("data set {}: holds {}, but the weights were trained on {}", own.name,
                    kind_name(own.kind), kind_name(fitted.kind));
  if (own.kind != DataKind::kText && !(own.example == fitted.example))
    fail<DataError>("data set {}: examples have the shape {}, but the weights were trained on {}", own.name,
                    own.example.str(), fitted.example.str());
  const auto targets = [](const DatasetInfo& info) {
    return info.targets ? fmt::format("{} real targets", info.targets) : std::string("class labels");
  };
  if (own.targets != fitted.targets)
    fail<DataError>("data set {}: has {}, but the weights were trained on {}", own.name, targets(own),
                    targets(fitted));
}

}  // namespace

Data apply_fitted(Data data, const DatasetInfo& fitted) {
  const DatasetInfo own = data.info();
  check_same_kind(own, fitted);
  if (own.targets) return data;  // all that was fitted are mean and std, which the reader has applied
  const bool text = own.kind == DataKind::kText;
  std::vector<int64> map = text ? token_map(own, fitted) : class_map(own, fitted);
  for (const DatasetPtr& part : {data.train, data.test})
    if (part) check_known(*part, map, fitted);
  if (own.classes == fitted.classes && own.class_names == fitted.class_names && own.mean == fitted.mean &&
      own.std == fitted.std && own.vocabulary == fitted.vocabulary)
    return data;
  DatasetInfo info = own;
  info.classes = fitted.classes;
  info.class_names = fitted.class_names;
  info.vocabulary = fitted.vocabulary;
  if (own.kind == DataKind::kImages) info.mean = fitted.mean, info.std = fitted.std;
  const auto seen_by_weights = [&](const DatasetPtr& part) -> DatasetPtr {
    if (!part) return nullptr;
    return text ? std::make_shared<FittedView>(part, info, std::vector<int64>{}, map)
                : std::make_shared<FittedView>(part, info, map, std::vector<int64>{});
  };
  return {seen_by_weights(data.train), seen_by_weights(data.test)};
}

double in_units(double y, std::size_t k, const DatasetInfo& info) {
  return k < info.target_std.size() ? y * info.target_std[k] + info.target_mean[k] : y;
}

double test_part(std::optional<double> asked, double usual, const DataPlaces& places,
                 const std::string& digest) {
  if (asked) return *asked;
  const DatasetInfo* fitted = places.fitted;
  return places.whole && fitted && fitted->complete && fitted->digest != digest ? 1 : usual;
}

}  // namespace gradus
