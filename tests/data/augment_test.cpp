#include "data/augment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "core/error.h"
#include "data/images.h"
#include "data/loader.h"

using namespace gradus;

namespace {

constexpr double kMean = 0.5, kStd = 0.25;
const real kBlack = static_cast<real>(-kMean / kStd);

DatasetInfo info_of(int64 channels, int64 height, int64 width) {
  DatasetInfo info;
  info.name = "tiny";
  info.example = {channels, height, width};
  info.classes = 3;
  info.mean.assign(static_cast<std::size_t>(channels), kMean);
  info.std.assign(static_cast<std::size_t>(channels), kStd);
  return info;
}

// The image 1, 2, 3, ... put through a chain.
std::vector<real> run(const char* chain, const DatasetInfo& info, int64 index, int64 epoch = 0,
                      std::uint64_t seed = 0) {
  std::vector<real> image(static_cast<std::size_t>(info.example.numel()));
  std::iota(image.begin(), image.end(), real{1});
  parse_augmentation(chain).apply_example(image.data(), {epoch, index, seed, info});
  return image;
}

// `n` batch examples: image i is filled with i + 1 and has label i % 3.
Batch batch_of(int64 n, const DatasetInfo& info) {
  Batch b;
  b.x = Tensor({n, info.example[0], info.example[1], info.example[2]});
  b.y = IntTensor({n});
  b.index = IntTensor::arange(n);
  for (int64 i = 0; i < n; ++i) {
    std::fill_n(b.x.mutable_data() + i * info.example.numel(), info.example.numel(),
                static_cast<real>(i + 1));
    b.y.mutable_data()[i] = i % 3;
  }
  return b;
}

}  // namespace

TEST_CASE("augment: flip mirrors rows with its probability; alternating flip every other epoch") {
  const DatasetInfo info = info_of(2, 1, 3);
  const std::vector<real> plain{1, 2, 3, 4, 5, 6}, mirrored{3, 2, 1, 6, 5, 4};
  CHECK(run("flip(p=1)", info, 0) == mirrored);
  CHECK(run("flip(p=0)", info, 0) == plain);
  int flips = 0, heads = 0;
  for (int64 i = 0; i < 1000; ++i) {
    flips += run("flip", info, i) == mirrored;
    heads += run("alternating-flip", info, i) == mirrored;
    CHECK(run("alternating-flip", info, i, 0) != run("alternating-flip", info, i, 1));
    CHECK(run("alternating-flip", info, i, 0) == run("alternating-flip", info, i, 2));
  }
  CHECK(std::abs(flips - 500) < 60);
  CHECK(std::abs(heads - 500) < 60);
}

TEST_CASE("augment: pad-crop shifts by up to the padding, with black or mirrored border") {
  const DatasetInfo info = info_of(1, 2, 2);
  std::set<std::vector<real>> seen;
  for (int64 i = 0; i < 300; ++i) seen.insert(run("pad-crop(pad=1)", info, i));
  CHECK(seen.size() == 9);
  const real k = kBlack;
  CHECK(seen.count({1, 2, 3, 4}));
  CHECK(seen.count({2, k, 4, k}));
  CHECK(seen.count({k, k, k, 1}));
  CHECK(seen.count({4, k, k, k}));
  seen.clear();
  for (int64 i = 0; i < 300; ++i) seen.insert(run("pad-crop(pad=1,fill=mirror)", info, i));
  CHECK(seen == std::set<std::vector<real>>{{1, 2, 3, 4}, {2, 1, 4, 3}, {3, 4, 1, 2}, {4, 3, 2, 1}});
  CHECK(run("pad-crop(pad=100)", info, 1).size() ==
        4);  // far outside: all black or a corner, no access beyond
}

TEST_CASE("augment: cutout wipes a square to the mean; rotation keeps the centre") {
  const DatasetInfo info = info_of(2, 5, 5);
  for (int64 i = 0; i < 50; ++i) {
    const auto image = run("cutout(size=3)", info, i);
    const auto zeros = std::count(image.begin(), image.begin() + 25, real{0});
    CHECK(zeros >= 4);  // a corner keeps 2x2 of it
    CHECK(zeros <= 9);
    for (std::size_t p = 0; p < 25; ++p) CHECK((image[p] == 0) == (image[p + 25] == 0));
    CHECK(run("rotation(degrees=90)", info, i)[12] == doctest::Approx(13));
  }
  CHECK(run("rotation(degrees=0)", info, 0) == run("none", info, 0));
}

TEST_CASE("augment: a function of seed, epoch and example; chains apply from left to right") {
  const DatasetInfo info = info_of(1, 8, 8);
  const char* chain = "pad-crop,flip,cutout(size=4)";
  CHECK(run(chain, info, 3, 1, 5) == run(chain, info, 3, 1, 5));
  CHECK(run(chain, info, 3, 1, 5) != run(chain, info, 3, 2, 5));
  CHECK(run(chain, info, 3, 1, 5) != run(chain, info, 4, 1, 5));
  CHECK(run(chain, info, 3, 1, 5) != run(chain, info, 3, 1, 6));
  const DatasetInfo row = info_of(1, 1, 2);
  bool order_seen = false;
  for (int64 i = 0; i < 100; ++i)
    order_seen =
        order_seen || run("cutout(size=1),flip(p=1)", row, i) != run("flip(p=1),cutout(size=1)", row, i);
  CHECK(order_seen);
}

TEST_CASE("augment: mixup blends images and labels by the same share") {
  const DatasetInfo info = info_of(1, 2, 2);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Batch b = batch_of(6, info);
    parse_augmentation("mixup(alpha=1)").apply_batch(b, seed, info);
    REQUIRE(b.targets.shape() == Shape{6, 3});
    for (int64 i = 0; i < 6; ++i) {
      const real* t = b.targets.data() + i * 3;
      CHECK(t[0] + t[1] + t[2] == doctest::Approx(1));
      CHECK(*std::max_element(t, t + 3) == doctest::Approx(t[b.y[i]]));
      // x = share (i+1) + (1-share) (partner+1): where the partner has another label, its share shows in the
      // targets.
      const double share = static_cast<double>(t[i % 3]), x = static_cast<double>(b.x.data()[i * 4]);
      if (share < 0.999) {
        const double partner = (x - share * static_cast<double>(i + 1)) / (1 - share) - 1;
        CHECK(partner == doctest::Approx(std::round(partner)).epsilon(1e-3));
        CHECK(static_cast<int64>(std::round(partner)) % 3 != i % 3);
      }
    }
  }
}

TEST_CASE("augment: cutmix targets follow the area pasted") {
  const DatasetInfo info = info_of(2, 6, 6);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Batch b = batch_of(6, info);
    parse_augmentation("cutmix").apply_batch(b, seed, info);
    for (int64 i = 0; i < 6; ++i) {
      const real* x = b.x.data() + i * 72;
      const auto own = static_cast<double>(std::count(x, x + 36, static_cast<real>(i + 1))) / 36;
      CHECK(std::equal(x, x + 36, x + 36));
      const real* t = b.targets.data() + i * 3;
      if (t[i % 3] < 0.999) CHECK(static_cast<double>(t[i % 3]) == doctest::Approx(own));
      CHECK(t[0] + t[1] + t[2] == doctest::Approx(1));
    }
  }
}

TEST_CASE("augment: through the loader, the same with and without a thread, and after a resume") {
  ByteBuffer pixels(64 * 16);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels.data()[i] = static_cast<std::uint8_t>(i * 7);
  const auto data =
      std::make_shared<ImageSet>(info_of(1, 4, 4), std::move(pixels), std::vector<std::uint8_t>(64, 1));
  const LoaderOptions options{.batch_size = 8,
                              .shuffle = true,
                              .seed = 2,
                              .prefetch = 2,
                              .augment = parse_augmentation("pad-crop,flip,mixup")};
  Loader threaded(data, options);
  LoaderOptions plain = options;
  plain.prefetch = 0;
  Loader direct(data, plain), resumed(data, options, {0, 5});
  Batch a, b, c;
  for (int i = 0; i < 8; ++i) {
    REQUIRE(threaded.next(a));
    REQUIRE(direct.next(b));
    CHECK(a.x.values() == b.x.values());
    CHECK(a.targets.values() == b.targets.values());
    if (i < 5) continue;
    REQUIRE(resumed.next(c));
    CHECK(a.x.values() == c.x.values());
    CHECK(a.y.values() == c.y.values());
  }
}

TEST_CASE("augment: names and options") {
  CHECK(parse_augmentation("").empty());
  CHECK(parse_augmentation("none").empty());
  CHECK_THROWS_WITH_AS(parse_augmentation("flp"), doctest::Contains("did you mean 'flip'"), UsageError);
  CHECK_THROWS_WITH_AS(parse_augmentation("flip(q=1)"), doctest::Contains("transform flip"), UsageError);
  CHECK_THROWS_AS(parse_augmentation("flip(p=2)"), UsageError);
  CHECK_THROWS_AS(parse_augmentation("flip,,cutout"), UsageError);
  CHECK_THROWS_AS(parse_augmentation("flip("), UsageError);
}
