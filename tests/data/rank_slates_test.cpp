// Slates made of labelled images: grades, draws, what a batch holds.
#include "data/rank_slates.h"

#include <doctest/doctest.h>

#include <set>

#include "core/error.h"
#include "data/registry.h"

namespace gradus::rank_slates_tests {

TEST_CASE("rank slates: grades by distance on the circle of classes") {
  const int64 expected[] = {4, 2, 1, 0, 0, 0, 0, 0, 1, 2};
  for (int64 label = 0; label < 10; ++label) {
    CHECK(circular_grade(label, 0, 10) == expected[label]);
    CHECK(circular_grade((label + 7) % 10, 7, 10) == expected[label]);
  }
  CHECK(circular_grade(0, 2, 3) == 2);
}

TEST_CASE("rank slates: a batch holds the drawn images, their query and their grades") {
  const Data data = open_data("digits:train=60,test=20");
  const RankSlates slates(data.train, {.slates = 50, .items = 7, .seed = 3, .query = 5});
  CHECK(slates.size() == 50);
  CHECK(slates.features() == 794);
  const std::vector<int64> chosen = {4, 49};
  const SlateBatch batch = slates.batch(chosen);
  CHECK(batch.items.shape() == Shape{2, 7, 794});
  CHECK(batch.labels.shape() == Shape{2, 7});
  for (int64 b = 0; b < 2; ++b) {
    const RankSlates::Slate slate = slates.slate(chosen[static_cast<size_t>(b)]);
    REQUIRE(slate.images.size() == 7);
    for (int64 i = 0; i < 7; ++i) {
      const int64 image = slate.images[static_cast<size_t>(i)];
      std::vector<real> pixels(784);
      data.train->read_reals(image, pixels.data());
      const real* item = batch.items.data() + (b * 7 + i) * 794;
      CHECK(std::equal(pixels.begin(), pixels.end(), item));
      for (int64 c = 0; c < 10; ++c) CHECK(item[784 + c] == (c == slate.query ? 5 : 0));
      CHECK(batch.labels[b * 7 + i] == circular_grade(data.train->label(image), slate.query, 10));
    }
  }
}

TEST_CASE("rank slates: a slate is a function of seed and index, and all classes and images come up") {
  const Data data = open_data("digits:train=40,test=20");
  const RankSlates a(data.train, {.slates = 5, .items = 6, .seed = 1}),
      longer(data.train, {.slates = 90, .items = 6, .seed = 1}),
      other(data.train, {.slates = 5, .items = 6, .seed = 2}),
      wider(data.train, {.slates = 5, .items = 9, .seed = 1});
  CHECK(a.slate(3).images == longer.slate(3).images);
  CHECK(a.slate(3).query == wider.slate(3).query);
  CHECK(a.slate(3).images != a.slate(4).images);
  CHECK(a.slate(3).images != other.slate(3).images);
  std::set<int64> queries, images;
  for (int64 i = 0; i < 90; ++i) {
    queries.insert(longer.slate(i).query);
    for (const int64 image : longer.slate(i).images) images.insert(image);
  }
  CHECK(queries.size() == 10);
  CHECK(images.size() == 40);
}

}  // namespace gradus::rank_slates_tests
