#include "data/npy_pairs.h"

#include <algorithm>

#include "core/error.h"
#include "core/npy.h"
#include "data/images.h"
#include "data/vectors.h"
#include "data/views.h"

namespace gradus {
namespace {

struct Pair {
  NpyArray x, y;
};

Pair read_pair(const std::string& x, const std::string& y) {
  Pair pair{read_npy(x), read_npy(y)};
  const Shape &xs = pair.x.shape, &ys = pair.y.shape;
  if (xs.rank() < 2 || xs.numel() == 0)
    fail<DataError>("{}: expected examples along the first of two or more axes, found shape {}", x, xs.str());
  if (ys.rank() < 1 || ys.rank() > 2 || ys[0] != xs[0] || ys.numel() == 0)
    fail<DataError>("{}: expected {} labels (N) or targets (N,D) for the examples of {}, found shape {}", y,
                    xs[0], x, ys.str());
  return pair;
}

bool are_images(const Pair& p) {
  return p.x.type == ElementType::kU8 &&
         (p.x.shape.rank() == 3 || (p.x.shape.rank() == 4 && (p.x.shape[1] == 1 || p.x.shape[1] == 3)));
}

// One more than the largest label. Throws DataError for labels that are no class numbers.
int64 count_classes(const Pair& p, const std::string& file) {
  constexpr int64 kMost = 100000;
  const IntTensor labels = p.y.integers();
  int64 classes = 1;
  for (int64 i = 0; i < labels.numel(); ++i) {
    if (labels[i] < 0 || labels[i] >= kMost)
      fail<DataError>("{}: example {}: expected a class 0..{}, found {}", file, i, kMost - 1, labels[i]);
    classes = std::max(classes, labels[i] + 1);
  }
  return classes;
}

DatasetPtr make_set(const DatasetInfo& info, Pair pair, const std::string& y) {
  if (info.kind == DataKind::kImages) {
    const IntTensor labels = pair.y.integers();
    return std::make_shared<ImageSet>(info, std::move(pair.x.bytes),
                                      std::vector<std::uint8_t>(labels.span().begin(), labels.span().end()));
  }
  if (info.targets) {
    const Tensor targets = pair.y.reals();
    if (targets.numel() != pair.x.shape[0] * info.targets)
      fail<DataError>("{}: expected {} targets an example, found shape {}", y, info.targets,
                      targets.shape().str());
    return std::make_shared<VectorSet>(info, pair.x.reals(), targets.view({pair.x.shape[0], info.targets}));
  }
  return std::make_shared<VectorSet>(info, pair.x.reals(), pair.y.integers().view({pair.x.shape[0]}));
}

DatasetInfo describe(const Pair& pair, const NpyOptions& o) {
  DatasetInfo info;
  info.name = "npy";
  const Shape& xs = pair.x.shape;
  const bool labels = !is_real(pair.y.type) && pair.y.shape.numel() == xs[0];
  if (labels) info.classes = count_classes(pair, o.y);
  constexpr int64 kMostImageClasses = 256;
  if (are_images(pair) && labels && info.classes <= kMostImageClasses) {
    info.example = xs.rank() == 3 ? Shape{1, xs[1], xs[2]} : Shape{xs[1], xs[2], xs[3]};
    return info;
  }
  info.kind = DataKind::kVectors;
  info.example = Shape(std::vector<int64>(xs.begin() + 1, xs.end()));
  if (!labels) info.targets = pair.y.shape.numel() / xs[0];
  return info;
}

}  // namespace

Data open_npy(const NpyOptions& o) {
  if (o.x.empty() || o.y.empty()) fail<UsageError>("data set npy: needs x=FILE and y=FILE");
  if (o.test_x.empty() != o.test_y.empty()) fail<UsageError>("data set npy: test_x and test_y go together");
  Pair train = read_pair(o.x, o.y);
  DatasetInfo info = describe(train, o);
  const int64 n = train.x.shape[0];
  SplitIndices parts;
  if (o.test_x.empty()) parts = random_split(n, o.test, o.seed, "npy");
  if (info.kind == DataKind::kImages) {
    std::vector<const std::uint8_t*> images;
    const auto image = [&](int64 i) { return train.x.bytes.data() + i * info.example.numel(); };
    if (o.test_x.empty())
      for (int64 i : parts.train) images.push_back(image(i));
    else
      for (int64 i = 0; i < n; ++i) images.push_back(image(i));
    measure_pixels(info, images);
  }
  if (o.test_x.empty()) {
    const DatasetPtr whole = make_set(info, std::move(train), o.y);
    return {subset(whole, parts.train), subset(whole, parts.test)};
  }
  Pair test = read_pair(o.test_x, o.test_y);
  const Shape &a = train.x.shape, &b = test.x.shape;
  if (!std::equal(a.begin() + 1, a.end(), b.begin() + 1, b.end()) ||
      is_real(train.y.type) != is_real(test.y.type) ||
      (train.x.type == ElementType::kU8) != (test.x.type == ElementType::kU8))
    fail<DataError>("{}: expected examples like those of {}: {}, found {}", o.test_x, o.x, a.str(), b.str());
  if (info.classes) info.classes = std::max(info.classes, count_classes(test, o.test_y));
  return {make_set(info, std::move(train), o.y), make_set(info, std::move(test), o.test_y)};
}

}  // namespace gradus
