#include "data/loader.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/error.h"
#include "core/threads.h"
#include "data/images.h"
#include "data/registry.h"

using namespace gradus;

namespace {

// n images of 1x1 whose pixel is the index and whose label is the index modulo 3; example `bad` throws.
class Counting : public Dataset {
 public:
  explicit Counting(int64 n, int64 bad = -1) : Dataset(make_info()), n_(n), bad_(bad) {}
  int64 size() const override { return n_; }
  int64 label(int64 i) const override { return i % 3; }
  void read_pixels(int64 i, std::uint8_t* out) const override {
    if (i == bad_) fail<DataError>("example {} is bad", i);
    *out = static_cast<std::uint8_t>(i);
  }

 private:
  static DatasetInfo make_info() {
    DatasetInfo info;
    info.name = "counting";
    info.example = {1, 1, 1};
    info.classes = 3;
    info.mean = {0.5};
    info.std = {0.25};
    return info;
  }
  int64 n_, bad_;
};

std::vector<int64> epoch_order(Loader& loader) {
  std::vector<int64> seen;
  for (Batch b; loader.next(b);) seen.insert(seen.end(), b.index.span().begin(), b.index.span().end());
  return seen;
}

}  // namespace

TEST_CASE("loader: in order, normalised, with a smaller last batch") {
  for (int64 prefetch : {0, 2}) {
    Loader loader(std::make_shared<Counting>(5), {.batch_size = 2, .prefetch = prefetch});
    CHECK(loader.batches_per_epoch() == 3);
    Batch b;
    REQUIRE(loader.next(b));
    CHECK(b.x.shape() == Shape{2, 1, 1, 1});
    CHECK(b.x.at({0, 0, 0, 0}) == doctest::Approx(-2));
    CHECK(b.x.at({1, 0, 0, 0}) == doctest::Approx((1.0 / 255 - 0.5) / 0.25));
    CHECK(b.y.values() == std::vector<int64>{0, 1});
    CHECK(b.position == DataPosition{0, 0});
    CHECK(loader.position() == DataPosition{0, 1});
    REQUIRE(loader.next(b));
    REQUIRE(loader.next(b));
    CHECK(b.index.values() == std::vector<int64>{4});
    CHECK(loader.position() == DataPosition{1, 0});
    CHECK_FALSE(loader.next(b));
    CHECK(b.size() == 0);
    REQUIRE(loader.next(b));
    CHECK(b.position == DataPosition{1, 0});
  }
  Loader dropping(std::make_shared<Counting>(5), {.batch_size = 2, .drop_last = true});
  CHECK(epoch_order(dropping) == std::vector<int64>{0, 1, 2, 3});
}

TEST_CASE("loader: shuffling is a new permutation each epoch, given by the seed alone") {
  const auto data = std::make_shared<Counting>(100);
  Loader a(data, {.batch_size = 7, .shuffle = true, .seed = 3});
  Loader b(data, {.batch_size = 7, .shuffle = true, .seed = 3, .prefetch = 0});
  Loader c(data, {.batch_size = 7, .shuffle = true, .seed = 4});
  const auto first = epoch_order(a), second = epoch_order(a);
  CHECK(first == Rng(3).fork("shuffle").fork(0).permutation(100));
  CHECK(second == Rng(3).fork("shuffle").fork(1).permutation(100));
  CHECK(first != second);
  CHECK(epoch_order(b) == first);
  CHECK(epoch_order(b) == second);
  CHECK(epoch_order(c) != first);
}

TEST_CASE("loader: starts at any batch of any epoch") {
  const auto data = std::make_shared<Counting>(50);
  const LoaderOptions options{.batch_size = 8, .shuffle = true, .seed = 1};
  Loader whole(data, options);
  epoch_order(whole);
  const auto second = epoch_order(whole);
  Loader resumed(data, options, {1, 3});
  CHECK(epoch_order(resumed) == std::vector<int64>(second.begin() + 24, second.end()));
  resumed.seek({1, 0});
  CHECK(epoch_order(resumed) == second);
  CHECK(resumed.make({1, 2}).index.values() == std::vector<int64>(second.begin() + 16, second.begin() + 24));
  CHECK_THROWS_AS(resumed.seek({0, 7}), UsageError);
}

TEST_CASE("loader: what its thread throws arrives at the consumer, behind the batches before it") {
  for (int64 prefetch : {0, 1, 4}) {
    Loader loader(std::make_shared<Counting>(10, 5), {.batch_size = 2, .prefetch = prefetch});
    Batch b;
    CHECK(loader.next(b));
    CHECK(loader.next(b));
    CHECK_THROWS_WITH_AS(loader.next(b), "example 5 is bad", DataError);
    CHECK_THROWS_AS(loader.next(b), DataError);
  }
}

TEST_CASE("loader: refuses what gives no batch") {
  CHECK_THROWS_AS(Loader(std::make_shared<Counting>(5), {.batch_size = 0}), UsageError);
  CHECK_THROWS_AS(Loader(std::make_shared<Counting>(5), {.batch_size = 6, .drop_last = true}), UsageError);
}

TEST_CASE("loader: may be dropped at any time, and hands its memory back") {
  const int64 before = live_storages();
  for (int64 taken : {0, 1, 3}) {
    Loader loader(std::make_shared<Counting>(20), {.batch_size = 2, .prefetch = 3});
    Batch b;
    for (int64 i = 0; i < taken; ++i) loader.next(b);
  }
  CHECK(live_storages() == before);
}

TEST_CASE("registry: names, options and views") {
  CHECK_THROWS_WITH_AS(open_data("digts"), doctest::Contains("did you mean 'digits'"), UsageError);
  CHECK_THROWS_WITH_AS(open_data("digits:limt=3"), doctest::Contains("did you mean 'limit'"), UsageError);
  CHECK_THROWS_AS(open_data("digits:limit=0"), UsageError);
  CHECK_THROWS_WITH_AS(open_data("mnist", {.data_dir = "/nonexistent"}),
                       doctest::Contains("/nonexistent/mnist"), DataError);
  const Data data = open_data("digits:limit=30,test_limit=20");
  CHECK(data.train->size() == 30);
  CHECK(data.test->size() == 20);
  CHECK(data.train->label(13) == 3);
}

TEST_CASE(
    "loader: batches that all threads make are those of one, and the first bad example is the one named") {
  const int before = threads();
  const DatasetPtr data = open_data("digits:train=300,test=10").train;
  LoaderOptions options{.batch_size = 150, .shuffle = true, .seed = 5, .prefetch = 0};
  options.augment = parse_augmentation("pad-crop,mixup");
  std::vector<Batch> made;
  for (int n : {1, 2, 3}) {
    set_threads(n);
    Loader loader(data, options);
    Batch b;
    REQUIRE(loader.next(b));
    made.push_back(std::move(b));
    CHECK(made.back().x.values() == made[0].x.values());
    CHECK(made.back().y.values() == made[0].y.values());
    CHECK(made.back().targets.values() == made[0].targets.values());
  }
  // Large images, so that the batch is shared out; two thirds of the examples are bad.
  class Broken : public Dataset {
   public:
    Broken()
        : Dataset({.name = "broken", .example = {1, 128, 128}, .classes = 2, .mean = {0.5}, .std = {0.5}}) {}
    int64 size() const override { return 9; }
    int64 label(int64) const override { return 0; }
    void read_pixels(int64 i, std::uint8_t* out) const override {
      if (i >= 3) fail<DataError>("example {} is bad", i);
      std::fill_n(out, 128 * 128, std::uint8_t{0});
    }
  };
  for (int n : {1, 3}) {
    set_threads(n);
    Loader loader(std::make_shared<Broken>(), {.batch_size = 9, .prefetch = 0});
    Batch b;
    CHECK_THROWS_WITH_AS(loader.next(b), "example 3 is bad", DataError);
  }
  set_threads(before);
}
