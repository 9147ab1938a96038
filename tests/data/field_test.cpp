// An image as a field: places and values, which pixels are known, refusals.
#include "data/field.h"

#include <doctest/doctest.h>

#include <set>

#include "core/error.h"
#include "core/image.h"
#include "tests/temp_dir.h"

using namespace gradus;

TEST_CASE("field: every pixel is an example at its place, with its values as targets") {
  const TempDir dir;
  write_png(dir / "a.png", {3, 2, 3, {0, 51, 102, 153, 204, 255, 1, 1, 1, 1, 1, 1, 9, 9, 9, 9, 9, 9}});
  const Data data = open_data("field:path=" + (dir / "a.png"));
  REQUIRE(data.train->size() == 6);
  CHECK(data.test->size() == 6);
  CHECK(data.info().targets == 3);
  real x[2], y[3];
  data.train->read_reals(5, x), data.train->read_targets(5, y);
  CHECK(x[0] == 1);
  CHECK(x[1] == 1);
  CHECK(static_cast<double>(y[0]) == doctest::Approx(1));
  CHECK(static_cast<double>(y[2]) == doctest::Approx(9.0 / 255));
  data.train->read_reals(1, x), data.train->read_targets(1, y);
  CHECK(x[0] == -1);
  CHECK(x[1] == 0);
  CHECK(static_cast<double>(y[0]) == doctest::Approx(0.2));
  const auto* whole = dynamic_cast<const FieldSet*>(data.test.get());
  REQUIRE(whole);
  CHECK(whole->height() == 2);
  CHECK(whole->width() == 3);
  CHECK(open_data("field:colour=grey,path=" + (dir / "a.png")).info().targets == 1);
}

TEST_CASE("field: a share of the pixels is known, the others test; what is wrong is said") {
  const TempDir dir;
  write_png(dir / "b.png", {1, 20, 30, std::vector<std::uint8_t>(600, 7)});
  const std::string path = dir / "b.png";
  const Data data = open_data("field:known=0.3,path=" + path);
  CHECK(data.train->size() + data.test->size() == 600);
  CHECK(data.train->size() > 130);
  CHECK(data.train->size() < 230);
  std::set<std::pair<real, real>> places;
  for (const DatasetPtr& part : {data.train, data.test})
    for (int64 i = 0; i < part->size(); ++i) {
      real x[2];
      part->read_reals(i, x);
      places.insert({x[0], x[1]});
    }
  CHECK(places.size() == 600);
  const Data resized = open_data("field:side=15,path=" + path);
  CHECK(resized.test->size() == 150);
  CHECK_THROWS_WITH_AS(open_data("field"), doctest::Contains("path="), UsageError);
  CHECK_THROWS_AS(open_data("field:path=" + (dir / "none.png")), DataError);
  dir.write("text.png", "no image");
  CHECK_THROWS_AS(open_data("field:path=" + (dir / "text.png")), DataError);
  CHECK_THROWS_AS(open_data("field:known=2,path=" + path), UsageError);
}
