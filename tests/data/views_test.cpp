#include "data/views.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "data/images.h"
#include "data/pixel_maps.h"

using namespace gradus;

namespace {

// n grey images 2x3; image i has the pixels i, i+1, ..., i+5 and the label i % 4.
DatasetPtr tiny(int64 n) {
  DatasetInfo info;
  info.name = "tiny";
  info.example = {1, 2, 3};
  info.classes = 4;
  info.class_names = {"a", "b", "c", "d"};
  info.mean = {0};
  info.std = {1};
  ByteBuffer pixels(static_cast<std::size_t>(n * 6));
  std::vector<std::uint8_t> labels;
  for (int64 i = 0; i < n; ++i) {
    for (int64 k = 0; k < 6; ++k) pixels.data()[i * 6 + k] = static_cast<std::uint8_t>(i + k);
    labels.push_back(static_cast<std::uint8_t>(i % 4));
  }
  return std::make_shared<ImageSet>(info, std::move(pixels), std::move(labels));
}

Data view(const char* options, int64 train = 40, int64 test = 8) {
  ViewOptions o;
  set_options(o, parse_options(options), "data set tiny");
  return apply_views({tiny(train), tiny(test)}, o);
}

std::vector<std::uint8_t> pixels(const Dataset& data, int64 i) {
  std::vector<std::uint8_t> p(6);
  data.read_pixels(i, p.data());
  return p;
}

std::vector<int64> firsts(const Dataset& data) {
  std::vector<int64> list;
  for (int64 i = 0; i < data.size(); ++i) list.push_back(pixels(data, i)[0]);
  return list;
}

}  // namespace

TEST_CASE("views: classes kept and renumbered in both splits") {
  const Data range = view("classes=1-2");
  CHECK(range.train->size() == 20);
  CHECK(range.test->size() == 4);
  CHECK(range.info().classes == 2);
  CHECK(range.info().class_names == std::vector<std::string>{"b", "c"});
  CHECK(firsts(*range.test) == std::vector<int64>{1, 2, 5, 6});
  CHECK(range.test->label(1) == 1);
  const Data list = view("classes=3+0");
  CHECK(list.train->label(0) == 1);
  CHECK(list.train->label(1) == 0);
  for (const char* bad :
       {"classes=4", "classes=2-1", "classes=1+1", "classes=a", "classes=1-2-3", "classes=-1"})
    CHECK_THROWS_AS(view(bad), UsageError);
}

TEST_CASE("views: limits, hold-out and folds") {
  const Data limited = view("limit=3,test_limit=2");
  CHECK(firsts(*limited.train) == std::vector<int64>{0, 1, 2});
  CHECK(limited.test->size() == 2);
  const Data held = view("holdout=2");
  CHECK(held.train->size() == 38);
  CHECK(firsts(*held.test) == std::vector<int64>{38, 39});
  CHECK_THROWS_AS(view("holdout=40"), UsageError);
  CHECK_THROWS_AS(view("fold=1"), UsageError);
  CHECK_THROWS_AS(view("folds=3,fold=3"), UsageError);
  CHECK_THROWS_AS(view("folds=3,holdout=1"), UsageError);
  std::multiset<int64> tested;
  for (int k = 0; k < 3; ++k) {
    const Data fold = view(fmt::format("folds=3,fold={}", k).c_str());
    const auto train = firsts(*fold.train), test = firsts(*fold.test);
    CHECK(train.size() + test.size() == 40);
    for (int64 i : test) CHECK(std::find(train.begin(), train.end(), i) == train.end());
    tested.insert(test.begin(), test.end());
  }
  CHECK(tested.size() == 40);
  CHECK(std::set<int64>(tested.begin(), tested.end()).size() == 40);
}

TEST_CASE("views: the long tail") {
  const Data data = view("imbalance=8", 400);
  std::map<int64, int> counts;
  for (int64 i = 0; i < data.train->size(); ++i) ++counts[data.train->label(i)];
  CHECK(counts == std::map<int64, int>{{0, 100}, {1, 50}, {2, 25}, {3, 12}});  // 100 * 8^(-c/3)
  CHECK(data.test->size() == 8);
}

TEST_CASE("views: wrong labels, as many as asked for, in the training set alone") {
  for (const bool symmetric : {true, false}) {
    const Data data = view(symmetric ? "noise=0.25" : "noise=0.25,noise_kind=asymmetric", 400);
    int wrong = 0;
    std::map<int64, int> steps;
    for (int64 i = 0; i < 400; ++i)
      if (data.train->label(i) != i % 4) {
        ++wrong;
        ++steps[(data.train->label(i) - i % 4 + 4) % 4];
      }
    CHECK(wrong == 100);
    CHECK(steps.size() == (symmetric ? 3 : 1));
    if (!symmetric) CHECK(steps[1] == 100);
    for (int64 i = 0; i < 8; ++i) CHECK(data.test->label(i) == i % 4);
  }
  const std::vector<int64> labels(100, 2);
  CHECK(noisy_labels(labels, 4, 0.5, true, 1) == noisy_labels(labels, 4, 0.5, true, 1));
  CHECK(noisy_labels(labels, 4, 0.5, true, 1) != noisy_labels(labels, 4, 0.5, true, 2));
  CHECK(noisy_labels(labels, 4, 0, true, 1) == labels);
}

TEST_CASE("views: turned, inverted, permuted; both splits, real values too") {
  CHECK(pixels(*view("invert=true").test, 1) == std::vector<std::uint8_t>{254, 253, 252, 251, 250, 249});
  CHECK(pixels(*view("rotate=180").train, 0) == std::vector<std::uint8_t>{5, 4, 3, 2, 1, 0});
  real x[6];
  view("rotate=180").train->read_reals(0, x);
  CHECK(x[0] == doctest::Approx(5 / 255.0));
  const auto a = pixels(*view("permute=1").train, 0), b = pixels(*view("permute=1").test, 3),
             c = pixels(*view("permute=2").train, 0);
  CHECK(a != std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5});
  CHECK(std::is_permutation(a.begin(), a.end(), std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5}.begin()));
  for (std::size_t i = 0; i < 6; ++i) CHECK(b[i] == a[i] + 3);
  CHECK(a != c);
}

TEST_CASE("pixel maps: a quarter turn counter-clockwise is exact; other angles interpolate") {
  const Shape square{1, 3, 3};
  std::vector<std::uint8_t> p{1, 2, 3, 4, 5, 6, 7, 8, 9};
  rotation_map(90, square)(p.data(), square);
  CHECK(p == std::vector<std::uint8_t>{3, 6, 9, 2, 5, 8, 1, 4, 7});
  p = {0, 0, 0, 0, 100, 0, 0, 0, 0};
  rotation_map(45, square)(p.data(), square);
  CHECK(p[4] == 100);
  CHECK(p[0] == 0);
  const double plane[] = {0, 10, 20, 30};
  CHECK(bilinear(plane, 2, 2, 0.5, 0.5, 0.0) == doctest::Approx(15));
  CHECK(bilinear(plane, 2, 2, 0, 0.25, 0.0) == doctest::Approx(2.5));
  CHECK(bilinear(plane, 2, 2, -0.5, 1, 7.0) == doctest::Approx(8.5));
  CHECK(bilinear(plane, 2, 2, -3, 1, 7.0) == 7);
}

TEST_CASE("subset: indices out of range and empty selections are refused") {
  CHECK_THROWS_AS(subset(tiny(3), {0, 3}), UsageError);
  CHECK_THROWS_AS(subset(tiny(3), {}), UsageError);
  CHECK(subset(tiny(3), {2, 2})->label(1) == 2);
  CHECK_THROWS_AS(relabelled(tiny(3), {0}, 4, {}), UsageError);
}
