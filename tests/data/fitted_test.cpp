// What weights know of their training data, applied to other data.
#include "data/fitted.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "core/error.h"
#include "core/image.h"
#include "core/npy.h"
#include "data/registry.h"
#include "data/text.h"
#include "tests/paths.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

std::string fitted_fixture(const std::string& file) {
  return (tests::tests_dir() / "fixtures/data" / file).string();
}

void flat_picture(const TempDir& dir, const std::string& file, std::uint8_t value, int64 side = 4) {
  dir.write(file, std::string_view("x"));
  write_png(dir / file,
            {1, side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side), value)});
}

// `count` images of each class, of the given brightness.
void flat_folder(const TempDir& dir, const std::string& folder,
                 const std::vector<std::pair<std::string, int>>& classes, int count = 5) {
  for (const auto& [name, value] : classes)
    for (int i = 0; i < count; ++i)
      flat_picture(dir, fmt::format("{}/{}/{}.png", folder, name, i), static_cast<std::uint8_t>(value + i));
}

std::vector<real> reals_of(const Dataset& data, int64 i) {
  std::vector<real> x(static_cast<std::size_t>(data.info().example.numel()));
  data.read_reals(i, x.data());
  return x;
}

std::string name_of(const Dataset& data, int64 i) {
  return data.info().class_names[static_cast<std::size_t>(data.label(i))];
}

}  // namespace

TEST_CASE("fitted: a table is standardised as the training rows were, scored whole, classes by name") {
  const Data own = open_data("csv:path=" + fitted_fixture("abc.csv"));
  const DatasetInfo fitted = own.info();
  REQUIRE(fitted.mean.size() == 2);
  CHECK(fitted.columns == std::vector<std::string>{"a", "b"});
  CHECK(fitted.digest.size() == 32);
  const Data skew = open_data("csv:path=" + fitted_fixture("skew.csv"), {.fitted = &fitted, .whole = true});
  CHECK(skew.train == nullptr);
  CHECK(skew.test->size() == 400);
  CHECK(skew.info().mean == fitted.mean);
  // Its first row: -2.1836,-1.0223,cat
  const auto x = reals_of(*skew.test, 0);
  CHECK(static_cast<double>(x[0]) ==
        doctest::Approx((-2.1836 - fitted.mean[0]) / fitted.std[0]).epsilon(1e-6));
  CHECK(static_cast<double>(x[1]) ==
        doctest::Approx((-1.0223 - fitted.mean[1]) / fitted.std[1]).epsilon(1e-6));
  CHECK(name_of(*skew.test, 0) == "cat");
  // The file trained on keeps its test part; test= says otherwise.
  const Data same = open_data("csv:path=" + fitted_fixture("abc.csv"), {.fitted = &fitted, .whole = true});
  CHECK(same.test->size() == own.test->size());
  CHECK(reals_of(*same.test, 3) == reals_of(*own.test, 3));
  CHECK(open_data("csv:test=0.5,path=" + fitted_fixture("skew.csv"), {.fitted = &fitted, .whole = true})
            .test->size() == 200);
  CHECK(open_data("csv:test=1,path=" + fitted_fixture("abc.csv")).test->size() == 300);
}

TEST_CASE("fitted: columns may stand in another order, classes may be fewer, unknown ones are listed") {
  const TempDir dir;
  const auto table = [&](const char* file, std::string_view text) {
    return "csv:path=" + dir.write(file, text);
  };
  const DatasetInfo fitted =
      open_data(table("train.csv", "a,b,y\n0,10,red\n2,30,green\n4,20,blue\n8,70,red\n"), {}).info();
  const Data turned =
      open_data(table("turned.csv", "b,a,y\n10,0,green\n"), {.fitted = &fitted, .whole = true});
  CHECK(turned.test->size() == 1);
  CHECK(name_of(*turned.test, 0) == "green");
  CHECK(turned.info().classes == 3);
  CHECK(static_cast<double>(reals_of(*turned.test, 0)[1]) ==
        doctest::Approx((10 - fitted.mean[1]) / fitted.std[1]).epsilon(1e-6));
  const auto refused = [&](std::string_view text, const char* message) {
    CHECK_THROWS_WITH_AS(open_data(table("other.csv", text), {.fitted = &fitted, .whole = true}),
                         doctest::Contains(message), DataError);
  };
  refused("a,b,y\n1,2,pink\n1,2,red\n3,4,grey\n",
          "the weights know no class 'grey', 'pink'; they know: 'blue', 'green', 'red'");
  refused("a,c,y\n1,2,red\n", "trained on the columns a, b; missing here: b; unknown: c");
  refused("a,b,c,y\n1,2,3,red\n", "missing here: none; unknown: c");
  refused("1,2,3,red\n", "examples have the shape (3), but the weights were trained on (2)");
  // Numbers are classes by their value.
  const DatasetInfo numbered = open_data(table("n.csv", "1,10\n2,20\n3,10\n4,20\n")).info();
  const Data spelt = open_data(table("m.csv", "1,20.0\n2,20.0\n"), {.fitted = &numbered, .whole = true});
  CHECK(spelt.test->label(1) == 1);
  // What the weights were trained for is the task.
  const DatasetInfo real_targets = open_data(table("r.csv", "1,0.5\n2,2\n3,1\n4,9\n")).info();
  CHECK(open_data(table("s.csv", "1,2\n2,3\n"), {.fitted = &real_targets, .whole = true}).info().targets ==
        1);
  CHECK_THROWS_WITH_AS(open_data(table("s.csv", "1,2\n2,3\n") + ",task=classification",
                                 {.fitted = &real_targets, .whole = true}),
                       doctest::Contains("has class labels, but the weights were trained on 1 real targets"),
                       DataError);
}

TEST_CASE("fitted: standardize=false in training stays so; weights of an older gradus say what is assumed") {
  const TempDir dir;
  const std::string raw = dir.write("raw.csv", std::string_view("1,0.5\n2,2.5\n3,1\n4,9\n")),
                    other = dir.write("other.csv", std::string_view("10,0.5\n30,2.5\n"));
  const DatasetInfo fitted = open_data("csv:standardize=false,path=" + raw).info();
  CHECK(fitted.mean.empty());
  CHECK(reals_of(*open_data("csv:path=" + other, {.fitted = &fitted, .whole = true}).test, 1) ==
        std::vector<real>{30});
  DatasetInfo old = open_data("csv:path=" + raw).info();
  old.mean.clear(), old.std.clear(), old.columns.clear(), old.digest.clear();
  old.complete = false;
  const Data data = open_data("csv:test=1,path=" + other, {.fitted = &old, .whole = true});
  CHECK(reals_of(*data.test, 1) == std::vector<real>{1});  // by its own rows
  REQUIRE(data.info().notes.size() == 1);
  CHECK(data.info().notes[0].find("older gradus") != std::string::npos);
  // Their split stays what it was, since they do not know their file.
  CHECK(open_data("csv:path=" + raw, {.fitted = &old, .whole = true}).test->size() == 1);
}

TEST_CASE("fitted: a folder of images is normalised by the training images, classes by name") {
  const TempDir dir;
  flat_folder(dir, "train", {{"bläue", 10}, {"green", 100}, {"空 class", 200}});
  flat_folder(dir, "skew", {{"green", 150}, {"空 class", 240}}, 3);
  flat_folder(dir, "renamed", {{"aaa", 10}, {"green", 100}, {"zzz", 200}});
  const auto open = [&](const std::string& folder, const DatasetInfo* fitted) {
    return open_data(folder, {.data_dir = dir.path(), .fitted = fitted, .whole = true});
  };
  const DatasetInfo fitted = open("folder:path=train,size=6,channels=1", nullptr).info();
  const Data skew = open("folder:path=skew", &fitted);  // size and channels are those of the weights
  CHECK(skew.train == nullptr);
  REQUIRE(skew.test->size() == 6);
  CHECK(skew.info().example == Shape{1, 6, 6});
  CHECK(skew.info().mean == fitted.mean);
  CHECK(name_of(*skew.test, 0) == "green");
  CHECK(skew.test->label(0) == 1);
  CHECK(skew.test->label(5) == 2);
  CHECK(static_cast<double>(reals_of(*skew.test, 0)[0]) ==
        doctest::Approx((150 / 255.0 - fitted.mean[0]) / fitted.std[0]).epsilon(1e-5));
  CHECK_THROWS_WITH_AS(
      open("folder:path=renamed", &fitted),
      doctest::Contains("know no class 'aaa', 'zzz'; they know: 'bläue', 'green', '空 class'"), DataError);
  CHECK(open("folder:path=train", &fitted).test->size() == 3);  // the folder trained on: its test part
  CHECK_THROWS_WITH_AS(open("folder:path=skew,size=5", &fitted), doctest::Contains("(1, 5, 5)"), DataError);
  // One class is enough where the weights know the others.
  flat_folder(dir, "one", {{"green", 1}}, 1);
  CHECK(open("folder:path=one", &fitted).test->label(0) == 1);
}

TEST_CASE("folder: classes of the test part, and names that are not UTF-8") {
  const TempDir dir;
  flat_folder(dir, "f/train", {{"a", 1}, {"b", 2}, {"c", 3}}, 2);
  flat_folder(dir, "f/test", {{"b", 4}}, 2);
  const auto open = [&](const char* spec) { return open_data(spec, {.data_dir = dir.path()}); };
  const Data fewer = open("folder:path=f,size=4");
  CHECK(fewer.test->size() == 2);
  CHECK(fewer.test->label(0) == 1);
  flat_folder(dir, "f/test", {{"x", 4}, {"y", 4}}, 1);
  CHECK_THROWS_WITH_AS(open("folder:path=f"),
                       doctest::Contains("the training images have no class x, y; they have: a, b, c"),
                       DataError);
  flat_folder(dir, "g",
              {{"a", 1},
               {"m\xfc"
                "de",
                2}},
              2);
  CHECK_THROWS_WITH_AS(open("folder:path=g"),
                       doctest::Contains("g/m\\xfcde: byte 1 of the directory's name is not UTF-8"),
                       DataError);
}

TEST_CASE("fitted: characters of a text by themselves") {
  const DatasetInfo fitted = open_data("text:path=" + fitted_fixture("A.txt"), {.block = 8}).info();
  const Data subset_of_it =
      open_data("text:path=" + fitted_fixture("C.txt"), {.block = 8, .fitted = &fitted, .whole = true});
  CHECK(subset_of_it.train == nullptr);
  CHECK(subset_of_it.info().classes == fitted.classes);
  std::vector<int64> tokens(8), next(8);
  subset_of_it.test->read_window(4, tokens.data(), next.data());
  const Vocabulary vocabulary(fitted.vocabulary);
  CHECK(vocabulary.decode(tokens) == "lazy dog");
  CHECK(vocabulary.decode(next) == "azy dog ");
  CHECK_THROWS_WITH_AS(
      open_data("text:path=" + fitted_fixture("B.txt"), {.block = 8, .fitted = &fitted, .whole = true}),
      doctest::Contains("the weights know no character 'A', 'B'"), DataError);
  CHECK(open_data("text:path=" + fitted_fixture("A.txt"), {.block = 8, .fitted = &fitted, .whole = true})
            .train != nullptr);
  // Weights on bytes read bytes.
  const DatasetInfo bytes = open_data("text:level=byte,path=" + fitted_fixture("A.txt"), {.block = 8}).info();
  const Data other =
      open_data("text:path=" + fitted_fixture("B.txt"), {.block = 8, .fitted = &bytes, .whole = true});
  other.test->read_window(0, tokens.data(), next.data());
  CHECK(tokens[0] == 'T');
}

TEST_CASE("fitted: any set of images; a set without names by number") {
  const TempDir dir;
  const DatasetInfo digits = open_data("digits:train=20,test=20").info();
  DatasetInfo other = digits;
  other.mean = {0.5}, other.std = {0.25};
  const Data seen = open_data("digits:train=20,test=20", {.fitted = &other, .whole = true});
  std::vector<std::uint8_t> pixels(784);
  seen.test->read_pixels(3, pixels.data());
  CHECK(static_cast<double>(reals_of(*seen.test, 3)[400]) ==
        doctest::Approx((pixels[400] / 255.0 - 0.5) / 0.25).epsilon(1e-5));
  // Classes 3 and 5 alone are still 3 and 5; of weights that know only these, the others are unknown.
  const Data some = open_data("digits:train=20,test=20,classes=3+5", {.fitted = &digits, .whole = true});
  CHECK(some.test->label(0) == 3);
  CHECK(some.test->label(1) == 5);
  CHECK(some.info().classes == 10);
  const DatasetInfo two = open_data("digits:train=20,test=20,classes=3+5").info();
  CHECK_THROWS_WITH_AS(open_data("digits:train=20,test=20", {.fitted = &two, .whole = true}),
                       doctest::Contains("know no class '0', '1', '2', '4'"), DataError);
  CHECK(open_data("digits:train=20,test=20,classes=5+3", {.fitted = &two, .whole = true}).test->label(0) ==
        0);

  write_npy(dir / "x.npy", Tensor::from({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  write_npy(dir / "y.npy", IntTensor::from({4}, {0, 2, 1, 2}));
  write_npy(dir / "less.npy", IntTensor::from({4}, {0, 1, 1, 0}));
  write_npy(dir / "more.npy", IntTensor::from({4}, {0, 1, 3, 0}));
  const auto pair = [&](const char* y) { return "npy:x=" + dir / "x.npy" + ",y=" + dir / y; };
  const DatasetInfo numbers = open_data(pair("y.npy")).info();
  const Data less = open_data(pair("less.npy"), {.fitted = &numbers, .whole = true});
  CHECK(less.info().classes == 3);
  CHECK(less.test->size() == 4);
  CHECK(less.test->label(2) == 1);
  CHECK_THROWS_WITH_AS(open_data(pair("more.npy"), {.fitted = &numbers, .whole = true}),
                       doctest::Contains("know no class '3'"), DataError);
  CHECK_THROWS_WITH_AS(open_data(pair("y.npy"), {.fitted = &digits, .whole = true}),
                       doctest::Contains("holds vectors, but the weights were trained on images"), DataError);
}

TEST_CASE("fitted: which part of a set is scored") {
  DatasetInfo fitted;
  fitted.digest = "abc";
  DataPlaces places;
  places.whole = true;
  CHECK(test_part({}, 0.2, places, "abc") == 0.2);
  places.fitted = &fitted;
  CHECK(test_part({}, 0.2, places, "abc") == 0.2);
  CHECK(test_part({}, 0.2, places, "other") == 1);
  CHECK(test_part(0.5, 0.2, places, "other") == 0.5);
  fitted.complete = false;
  CHECK(test_part({}, 0.2, places, "other") == 0.2);
  fitted.complete = true;
  places.whole = false;  // in training there must be something to train on
  CHECK(test_part({}, 0.2, places, "other") == 0.2);
}
