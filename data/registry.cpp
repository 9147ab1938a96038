#include "data/registry.h"

#include <algorithm>

#include "core/error.h"
#include "data/cifar.h"
#include "data/csv.h"
#include "data/dataset_entry.h"
#include "data/digits.h"
#include "data/field.h"
#include "data/fitted.h"
#include "data/folder.h"
#include "data/idx.h"
#include "data/npy_pairs.h"
#include "data/places.h"
#include "data/preference_pairs.h"
#include "data/text.h"
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

Data cifar10(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<WithViews<None>>(entry, list);
  return apply_views(open_cifar10(places), o.views);
}

Data cifar100(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<WithViews<Cifar100Options>>(entry, list);
  return apply_views(open_cifar100(o.own, places), o.views);
}

Data folder(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<WithViews<FolderOptions>>(entry, list);
  return apply_views(open_folder(o.own, places), o.views);
}

Data npy(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<WithViews<NpyOptions>>(entry, list);
  return apply_views(open_npy(o.own, places), o.views);
}

Data csv(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<WithViews<CsvOptions>>(entry, list);
  return apply_views(open_csv(o.own, places), o.views);
}

Data field(const DatasetEntry& entry, const OptionList& list, const DataPlaces&) {
  return open_field(options_of<FieldImageOptions>(entry, list));
}

Data tiny_shakespeare(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<TextOptions>(entry, list);
  return open_text(entry.name, find_data_file(entry.name, "input.txt", places), o, places);
}

Data text(const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
  const auto o = options_of<TextFileOptions>(entry, list);
  if (o.path.empty()) fail<UsageError>("data set text: needs path=FILE");
  return open_text(entry.name, o.path, o, places);
}

// Listed with the others; who can use pairs reads them itself.
Data pairs(const DatasetEntry&, const OptionList&, const DataPlaces&) {
  fail<UsageError>(
      "data set pairs: pairs of responses are no examples; they are for 'train --loss dpo', and for 'eval' "
      "of what "
      "it trained");
}

template <class O>
DatasetEntry entry(const char* name, const char* summary, DataKind kind, bool needs_files,
                   decltype(&digits) open, std::vector<std::string> paths = {}) {
  return {name,
          summary,
          kind,
          needs_files,
          describe_options<O>(),
          open,
          [](const DatasetEntry& e, const OptionList& list) { options_of<O>(e, list); },
          std::move(paths)};
}

}  // namespace

namespace {

// Grows by add_dataset.
std::vector<DatasetEntry>& dataset_table() {
  static std::vector<DatasetEntry> table = {
      entry<WithViews<DigitsOptions>>("digits",
                                      "synthetic handwritten digits 28x28, drawn on the spot: needs no file",
                                      DataKind::kImages, false, digits),
      entry<WithViews<None>>("mnist", "handwritten digits 28x28, 60,000 + 10,000 (LeCun, Cortes, Burges)",
                             DataKind::kImages, true, mnist),
      entry<WithViews<None>>("fashion-mnist",
                             "grey clothes 28x28, 60,000 + 10,000 (Xiao, Rasul, Vollgraf 2017)",
                             DataKind::kImages, true, fashion_mnist),
      entry<WithViews<None>>("cifar10",
                             "colour photographs 32x32 of 10 classes, 50,000 + 10,000 (Krizhevsky 2009)",
                             DataKind::kImages, true, cifar10),
      entry<WithViews<Cifar100Options>>("cifar100", "the same of 100 classes in 20 groups (Krizhevsky 2009)",
                                        DataKind::kImages, true, cifar100),
      entry<WithViews<FolderOptions>>("folder",
                                      "your images: PNG and JPEG of any size, a directory per class",
                                      DataKind::kImages, true, folder, {"path"}),
      entry<WithViews<NpyOptions>>("npy", "your arrays: examples and labels or targets as .npy files",
                                   DataKind::kVectors, true, npy, {"x", "y", "test_x", "test_y"}),
      entry<WithViews<CsvOptions>>("csv", "your table: a row an example, one column the label or target",
                                   DataKind::kVectors, true, csv, {"path"}),
      entry<FieldImageOptions>("field", "an image as a field: places of pixels are examples, values targets",
                               DataKind::kVectors, true, field, {"path"}),
      entry<TextOptions>("tinyshakespeare", "a million characters of Shakespeare's plays (Karpathy)",
                         DataKind::kText, true, tiny_shakespeare),
      entry<TextFileOptions>("text", "your text: any file, as characters or bytes", DataKind::kText, true,
                             text, {"path"}),
      entry<PreferenceDataOptions>(
          kPairsData, "your pairs of responses to a prompt, one preferred: JSON lines (train --loss)",
          DataKind::kText, true, pairs, {"path"}),
  };
  return table;
}

}  // namespace

const std::vector<DatasetEntry>& datasets() { return dataset_table(); }

void add_dataset(const DatasetEntry& entry) {
  for (const DatasetEntry& e : datasets())
    if (e.name == entry.name) fail<UsageError>("data set '{}' is there already", e.name);
  dataset_table().push_back(entry);
}

const DatasetEntry& find_dataset(const std::string& name) {
  std::vector<std::string> names;
  for (const DatasetEntry& entry : datasets()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("data set", name, names));
}

namespace {

const DatasetEntry& entry_of(const Spec& spec) {
  const DatasetEntry& found = find_dataset(spec.name);
  if (!spec.inner.empty()) fail<UsageError>("data set {}: takes nothing in parentheses", found.name);
  return found;
}

}  // namespace

const DatasetEntry& check_data_spec(const std::string& spec) {
  const Spec parsed = parse_spec(spec);
  const DatasetEntry& found = entry_of(parsed);
  found.check(found, parsed.options);
  return found;
}

Data open_data(const std::string& spec, const DataPlaces& places) {
  const Spec parsed = parse_spec(spec);
  const DatasetEntry& found = entry_of(parsed);
  Data data = found.open(found, parsed.options, places);
  return places.fitted ? apply_fitted(std::move(data), *places.fitted) : data;
}

}  // namespace gradus
