#include "data/registry.h"

#include <algorithm>

#include "core/error.h"
#include "data/digits.h"
#include "data/idx.h"
#include "data/places.h"
#include "data/views.h"

namespace gradus {
namespace {

struct None {
  void visit(auto&&) {}
};

/// The options of a set followed by those of the views.
template <class Own>
struct WithViews {
  Own own;
  ViewOptions views;
  void visit(auto&& f) {
    own.visit(f);
    views.visit(f);
  }
};

template <class O>
O options_of(const DatasetEntry& entry, const OptionList& list) {
  O options;
  set_options(options, list, "data set " + entry.name);
  return options;
}

Data digits(const DatasetEntry& entry, const OptionList& list, const DataPlaces&) {
  const auto o = options_of<WithViews<DigitsOptions>>(entry, list);
  return apply_views(open_digits(o.own), o.views);
}

Data idx_pair(DatasetInfo info, const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<WithViews<None>>(entry, list);
  info.name = entry.name;
  info.example = {1, 28, 28};
  info.classes = 10;
  const auto file = [&](const char* name) { return find_data_file(entry.name, name, places); };
  Data data{open_idx_split(info, file("train-images-idx3-ubyte"), file("train-labels-idx1-ubyte")),
            open_idx_split(info, file("t10k-images-idx3-ubyte"), file("t10k-labels-idx1-ubyte"))};
  return apply_views(std::move(data), o.views);
}

Data mnist(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  DatasetInfo info;
  info.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  info.mean = {0.1307};
  info.std = {0.3081};
  return idx_pair(std::move(info), entry, list, places);
}

Data fashion_mnist(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  DatasetInfo info;
  info.class_names = {"T-shirt/top", "trouser", "pullover", "dress", "coat",
                      "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
  info.mean = {0.2860};
  info.std = {0.3530};
  return idx_pair(std::move(info), entry, list, places);
}

template <class O>
DatasetEntry entry(const char* name, const char* summary, DataKind kind, bool needs_files,
                   decltype(&digits) open) {
  return {name, summary, kind, needs_files, describe_options<O>(), open};
}

}  // namespace

const std::vector<DatasetEntry>& datasets() {
  static const std::vector<DatasetEntry> table = {
      entry<WithViews<DigitsOptions>>("digits",
                                      "synthetic handwritten digits 28x28, drawn on the spot: needs no file",
                                      DataKind::kImages, false, digits),
      entry<WithViews<None>>("mnist", "handwritten digits 28x28, 60,000 + 10,000 (LeCun, Cortes, Burges)",
                             DataKind::kImages, true, mnist),
      entry<WithViews<None>>("fashion-mnist",
                             "grey clothes 28x28, 60,000 + 10,000 (Xiao, Rasul, Vollgraf 2017)",
                             DataKind::kImages, true, fashion_mnist),
  };
  return table;
}

const DatasetEntry& find_dataset(const std::string& name) {
  std::vector<std::string> names;
  for (const DatasetEntry& entry : datasets()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("data set", name, names));
}

Data open_data(const std::string& spec, const DataPlaces& places) {
  const Spec parsed = parse_spec(spec);
  const DatasetEntry& entry = find_dataset(parsed.name);
  if (!parsed.inner.empty()) fail<UsageError>("data set {}: takes nothing in parentheses", entry.name);
  return entry.open(entry, parsed.options, places);
}

}  // namespace gradus
