#include "data/npy_pairs.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/md5.h"
#include "core/npy.h"
#include "data/fitted.h"
#include "data/images.h"
#include "data/vectors.h"

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

// The numbers of `file`, an example along the first axis. Throws DataError for one that is not finite.
Tensor finite_reals(const NpyArray& array, const std::string& file) {
  Tensor t = array.reals();
  const int64 one = t.numel() / t.dim(0);
  for (int64 i = 0; i < t.numel(); ++i)
    if (!std::isfinite(t.data()[i]))
      fail<DataError>(
          "{}: example {} holds a number that is not finite{}: {} at place {} of it", file, i / one,
          array.type == ElementType::kF64 && sizeof(real) == 4 ? " (or beyond the range of float)" : "",
          t.data()[i], i % one);
  return t;
}

DatasetPtr make_set(const DatasetInfo& info, Pair pair, const std::string& x, const std::string& y) {
  if (info.kind == DataKind::kImages) {
    const IntTensor labels = pair.y.integers();
    return std::make_shared<ImageSet>(info, std::move(pair.x.bytes),
                                      std::vector<std::uint8_t>(labels.span().begin(), labels.span().end()));
  }
  if (info.targets) {
    const Tensor targets = finite_reals(pair.y, y);
    if (targets.numel() != pair.x.shape[0] * info.targets)
      fail<DataError>("{}: expected {} targets an example, found shape {}", y, info.targets,
                      targets.shape().str());
    return std::make_shared<VectorSet>(info, finite_reals(pair.x, x),
                                       targets.view({pair.x.shape[0], info.targets}));
  }
  return std::make_shared<VectorSet>(info, finite_reals(pair.x, x),
                                     pair.y.integers().view({pair.x.shape[0]}));
}

DatasetInfo describe(const Pair& pair, const NpyOptions& o, const DatasetInfo* fitted) {
  DatasetInfo info;
  info.name = "npy";
  const Shape& xs = pair.x.shape;
  const bool labels = !is_real(pair.y.type) && pair.y.shape.numel() == xs[0] && !(fitted && fitted->targets);
  if (labels) {
    info.classes = count_classes(pair, o.y);
    if (info.classes < 2 && !fitted) fail<DataError>("{}: expected at least two classes, found only 0", o.y);
    info.notes.push_back(
        fmt::format("npy: {} holds one integer an example: {} classes 0..{} (real numbers would be targets)",
                    o.y, info.classes, info.classes - 1));
  }
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

std::string npy_digest(const Pair& pair) {
  Md5 digest;
  for (const NpyArray* array : {&pair.x, &pair.y}) digest.update(array->bytes.data(), array->bytes.size());
  return digest.hex();
}

void check_test_pair(const Pair& train, const Pair& test, const DatasetInfo& info, const NpyOptions& o) {
  const Shape &a = train.x.shape, &b = test.x.shape;
  if (!std::equal(a.begin() + 1, a.end(), b.begin() + 1, b.end()) ||
      is_real(train.y.type) != is_real(test.y.type) ||
      (train.x.type == ElementType::kU8) != (test.x.type == ElementType::kU8))
    fail<DataError>("{}: expected examples like those of {}: {}, found {}", o.test_x, o.x, a.str(), b.str());
  if (!info.classes) return;
  if (const int64 classes = count_classes(test, o.test_y); classes > info.classes)
    fail<DataError>("{}: expected classes like those of {}, 0..{}, found {}", o.test_y, o.y, info.classes - 1,
                    classes - 1);
}

}  // namespace

Data open_npy(const NpyOptions& o, const DataPlaces& places) {
  if (o.x.empty() || o.y.empty()) fail<UsageError>("data set npy: needs x=FILE and y=FILE");
  if (o.test_x.empty() != o.test_y.empty()) fail<UsageError>("data set npy: test_x and test_y go together");
  Pair train = read_pair(o.x, o.y);
  DatasetInfo info = describe(train, o, places.fitted);
  const int64 n = train.x.shape[0];
  SplitIndices parts;
  if (o.test_x.empty()) {
    constexpr double kUsualTest = 0.2;
    info.digest = npy_digest(train);
    parts = random_split(n, test_part(o.test, kUsualTest, places, info.digest), o.seed, "npy");
  }
  if (info.kind == DataKind::kImages) {
    std::vector<const std::uint8_t*> images;
    const auto image = [&](int64 i) { return train.x.bytes.data() + i * info.example.numel(); };
    if (!parts.train.empty())
      for (int64 i : parts.train) images.push_back(image(i));
    else
      for (int64 i = 0; i < n; ++i) images.push_back(image(i));
    measure_pixels(info, images);
  }
  if (o.test_x.empty()) return split_data(make_set(info, std::move(train), o.x, o.y), parts);
  Pair test = read_pair(o.test_x, o.test_y);
  check_test_pair(train, test, info, o);
  return {make_set(info, std::move(train), o.x, o.y), make_set(info, std::move(test), o.test_x, o.test_y)};
}

}  // namespace gradus
