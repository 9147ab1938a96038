#include "data/views.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"
#include "data/label_noise.h"
#include "data/pixel_maps.h"

namespace gradus {
namespace {

// Passes everything through; views override what they change.
class View : public Dataset {
 public:
  View(DatasetPtr base, DatasetInfo info) : Dataset(std::move(info)), base_(std::move(base)) {}
  int64 size() const override { return base_->size(); }
  void expect(int64 i) const override { base_->expect(i); }
  int64 label(int64 i) const override { return base_->label(i); }
  void read_pixels(int64 i, std::uint8_t* out) const override { base_->read_pixels(i, out); }
  void read_reals(int64 i, real* out) const override { base_->read_reals(i, out); }
  void read_targets(int64 i, real* out) const override { base_->read_targets(i, out); }

 protected:
  DatasetPtr base_;
};

class Subset : public View {
 public:
  Subset(DatasetPtr base, std::vector<int64> indices)
      : View(base, base->info()), indices_(std::move(indices)) {
    if (indices_.empty()) fail<UsageError>("data set {}: the selection leaves no example", info_.name);
    for (int64 i : indices_)
      if (i < 0 || i >= base_->size())
        fail<UsageError>("data set {}: no example {}: there are {}", info_.name, i, base_->size());
  }
  int64 size() const override { return static_cast<int64>(indices_.size()); }
  void expect(int64 i) const override { base_->expect(at(i)); }
  int64 label(int64 i) const override { return base_->label(at(i)); }
  void read_pixels(int64 i, std::uint8_t* out) const override { base_->read_pixels(at(i), out); }
  void read_reals(int64 i, real* out) const override { base_->read_reals(at(i), out); }
  void read_targets(int64 i, real* out) const override { base_->read_targets(at(i), out); }

 private:
  int64 at(int64 i) const { return indices_[static_cast<std::size_t>(i)]; }
  std::vector<int64> indices_;
};

class Relabelled : public View {
 public:
  Relabelled(DatasetPtr base, DatasetInfo info, std::vector<int64> labels)
      : View(std::move(base), std::move(info)), labels_(std::move(labels)) {}
  int64 label(int64 i) const override { return labels_[static_cast<std::size_t>(i)]; }

 private:
  std::vector<int64> labels_;
};

class PixelView : public View {
 public:
  using Change = std::function<void(std::uint8_t*, const Shape&)>;
  PixelView(DatasetPtr base, Change change) : View(base, base->info()), change_(std::move(change)) {}
  void read_pixels(int64 i, std::uint8_t* out) const override {
    base_->read_pixels(i, out);
    change_(out, info_.example);
  }
  void read_reals(int64 i, real* out) const override {
    Dataset::read_reals(i, out);
  }  // from the changed pixels

 private:
  Change change_;
};

std::vector<int64> labels_of(const Dataset& data) {
  std::vector<int64> labels(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = data.label(static_cast<int64>(i));
  return labels;
}

std::vector<int64> range(int64 begin, int64 end) {
  std::vector<int64> list(static_cast<std::size_t>(end - begin));
  std::iota(list.begin(), list.end(), begin);
  return list;
}

// "0-4" or "3+5+8" as class numbers.
std::vector<int64> parse_classes(const std::string& text, const DatasetInfo& info) {
  const auto wrong = [&] {
    fail<UsageError>(
        "data set {}: classes = {}: needs all, a range 0-4 or a list 3+5+8 of different classes 0..{}",
        info.name, text, info.classes - 1);
  };
  std::vector<int64> list;
  const char *at = text.data(), *end = at + text.size();
  const auto number = [&] {
    int64 value = 0;
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 0 || value >= info.classes) wrong();
    at = stop;
    return value;
  };
  list.push_back(number());
  if (at != end && *at == '-') {
    ++at;
    const int64 last = number();
    if (last < list[0] || at != end) wrong();
    return range(list[0], last + 1);
  }
  while (at != end) {
    if (*at++ != '+') wrong();
    list.push_back(number());
    if (std::count(list.begin(), list.end(), list.back()) > 1) wrong();
  }
  return list;
}

DatasetPtr keep_classes(const DatasetPtr& base, const std::vector<int64>& keep) {
  std::vector<int64> indices, labels;
  for (int64 i = 0; i < base->size(); ++i)
    if (const auto it = std::find(keep.begin(), keep.end(), base->label(i)); it != keep.end()) {
      indices.push_back(i);
      labels.push_back(it - keep.begin());
    }
  std::vector<std::string> names;
  if (!base->info().class_names.empty())
    for (int64 c : keep) names.push_back(base->info().class_names[static_cast<std::size_t>(c)]);
  return relabelled(subset(base, indices), labels, static_cast<int64>(keep.size()), names);
}

// Part `fold` of `folds` of a random order is the test set, the rest the training set; both in ascending
// order.
Data cross_validation(const DatasetPtr& train, int64 folds, int64 fold, int64 seed) {
  const int64 n = train->size();
  if (folds > n || fold >= folds)
    fail<UsageError>("data set {}: fold {} of {} folds of {} examples does not exist", train->info().name,
                     fold, folds, n);
  const auto order = Rng(static_cast<std::uint64_t>(seed)).fork("folds").permutation(n);
  const int64 begin = n * fold / folds, end = n * (fold + 1) / folds;
  std::vector<int64> inside(order.begin() + begin, order.begin() + end),
      outside(order.begin(), order.begin() + begin);
  outside.insert(outside.end(), order.begin() + end, order.end());
  std::sort(inside.begin(), inside.end());
  std::sort(outside.begin(), outside.end());
  return {subset(train, outside), subset(train, inside)};
}

// Exponential long tail (Cui, Jia, Lin, Song, Belongie, CVPR 2019): class c of C keeps n_c * imbalance^(-c /
// (C-1)).
DatasetPtr long_tail(const DatasetPtr& base, double imbalance) {
  const int64 classes = base->info().classes;
  const std::vector<int64> labels = labels_of(*base);
  std::vector<int64> quota(static_cast<std::size_t>(classes)), indices;
  for (std::size_t c = 0; c < quota.size(); ++c) {
    const auto all = static_cast<double>(std::count(labels.begin(), labels.end(), static_cast<int64>(c)));
    const double power = classes > 1 ? static_cast<double>(c) / static_cast<double>(classes - 1) : 0;
    quota[c] = std::min(static_cast<int64>(all),
                        std::max<int64>(1, static_cast<int64>(all * std::pow(imbalance, -power) + 1e-9)));
  }
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (quota[static_cast<std::size_t>(labels[i])]-- > 0) indices.push_back(static_cast<int64>(i));
  return subset(base, indices);
}

void need_labels(const DatasetInfo& info, const char* option) {
  if (info.targets)
    fail<UsageError>("data set {}: {} needs class labels, not real targets", info.name, option);
}

}  // namespace

DatasetPtr first_examples(const DatasetPtr& base, std::optional<int64> n) {
  return n && *n < base->size() ? subset(base, range(0, *n)) : base;
}

DatasetPtr subset(DatasetPtr base, std::vector<int64> indices) {
  return std::make_shared<Subset>(std::move(base), std::move(indices));
}

DatasetPtr relabelled(DatasetPtr base, std::vector<int64> labels, int64 classes,
                      std::vector<std::string> class_names) {
  DatasetInfo info = base->info();
  if (static_cast<int64>(labels.size()) != base->size())
    fail<UsageError>("data set {}: {} labels for {} examples", info.name, labels.size(), base->size());
  info.classes = classes;
  info.class_names = std::move(class_names);
  return std::make_shared<Relabelled>(std::move(base), std::move(info), std::move(labels));
}

DatasetPtr with_pixels(DatasetPtr base, std::function<void(std::uint8_t*, const Shape&)> change) {
  if (base->info().kind != DataKind::kImages)
    fail<UsageError>("data set {}: only images can be turned, inverted or permuted", base->info().name);
  return std::make_shared<PixelView>(std::move(base), std::move(change));
}

std::vector<int64> noisy_labels(const std::vector<int64>& labels, int64 classes, double noise, bool symmetric,
                                int64 seed, int64 shift) {
  std::vector<int64> noisy = labels;
  if (classes < 2) return noisy;
  const auto n = static_cast<int64>(labels.size());
  const auto wrong = static_cast<int64>(noise * static_cast<double>(n) + 0.5);
  Rng rng = Rng(static_cast<std::uint64_t>(seed)).fork("noise");
  const std::vector<int64> order = rng.permutation(n);
  for (int64 k = 0; k < wrong; ++k) {
    int64& y = noisy[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])];
    y = LabelNoise{.classes = classes, .shift = symmetric ? 1 + rng.below(classes - 1) : shift}.wrong(y, 0);
  }
  return noisy;
}

Data apply_views(Data data, const ViewOptions& o) {
  if (o.classes != "all") {
    need_labels(data.info(), "classes");
    const std::vector<int64> keep = parse_classes(o.classes, data.info());
    data = {data.train ? keep_classes(data.train, keep) : nullptr, keep_classes(data.test, keep)};
  }
  if (!data.train && (o.folds > 1 || o.holdout))
    fail<UsageError>(
        "data set {}: {} needs training examples, but all are the test set (test=0.2 draws some)",
        data.info().name, o.folds > 1 ? "folds" : "holdout");
  if (o.folds > 1 && o.holdout)
    fail<UsageError>("data set {}: folds and holdout exclude each other", data.info().name);
  if (o.folds > 1) data = cross_validation(data.train, o.folds, o.fold, o.view_seed);
  if (o.folds == 1 && o.fold) fail<UsageError>("data set {}: fold needs folds", data.info().name);
  if (o.holdout) {
    const int64 n = data.train->size();
    if (o.holdout >= n)
      fail<UsageError>("data set {}: holdout = {} leaves none of {} training examples", data.info().name,
                       o.holdout, n);
    data = {subset(data.train, range(0, n - o.holdout)), subset(data.train, range(n - o.holdout, n))};
  }
  data = {data.train ? first_examples(data.train, o.limit) : nullptr,
          first_examples(data.test, o.test_limit)};
  if (o.imbalance > 1 && data.train) {
    need_labels(data.info(), "imbalance");
    data.train = long_tail(data.train, o.imbalance);
  }
  if (o.noise > 0 && data.train) {
    need_labels(data.info(), "noise");
    const DatasetInfo& info = data.info();
    const std::vector<int64> labels = labels_of(*data.train),
                             noisy = noisy_labels(labels, info.classes, o.noise, o.noise_kind == "symmetric",
                                                  o.view_seed, o.noise_shift);
    if (o.noise_left_out) {
      std::vector<int64> right;
      for (size_t i = 0; i < labels.size(); ++i)
        if (noisy[i] == labels[i]) right.push_back(static_cast<int64>(i));
      data.train = subset(data.train, std::move(right));
    } else {
      data.train = relabelled(data.train, noisy, info.classes, info.class_names);
    }
  }
  const auto both = [&](const auto& change) {
    data = {data.train ? with_pixels(data.train, change) : nullptr, with_pixels(data.test, change)};
  };
  if (o.rotate != 0) both(rotation_map(o.rotate, data.info().example));
  if (o.invert) both(invert_pixels);
  if (o.permute) both(permutation_map(*o.permute, data.info().example));
  return data;
}

}  // namespace gradus
