// CIFAR, image folders, text, .npy pairs and CSV.
#include <doctest/doctest.h>

#include "core/error.h"
#include "core/gzip.h"
#include "core/image.h"
#include "core/npy.h"
#include "data/cifar.h"
#include "data/csv.h"
#include "data/registry.h"
#include "data/text.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

// Records of `label_bytes` labels and pixels that all equal the number of the record.
std::vector<std::uint8_t> cifar_records(std::initializer_list<std::vector<std::uint8_t>> labels) {
  std::vector<std::uint8_t> bytes;
  std::uint8_t record = 0;
  for (const auto& l : labels) {
    bytes.insert(bytes.end(), l.begin(), l.end());
    bytes.insert(bytes.end(), 3072, record++);
  }
  return bytes;
}

std::vector<real> example(const Dataset& data, int64 i) {
  std::vector<real> x(static_cast<std::size_t>(data.info().example.numel()));
  data.read_reals(i, x.data());
  return x;
}

std::uint8_t first_pixel(const Dataset& data, int64 i) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(data.info().example.numel()));
  data.read_pixels(i, pixels.data());
  return pixels[0];
}

}  // namespace

TEST_CASE("cifar10: the five files one after the other, plain or packed") {
  const TempDir dir;
  for (int i = 1; i <= 5; ++i)
    dir.write(fmt::format("cifar10/data_batch_{}.bin.gz", i),
              gzip(cifar_records({{static_cast<std::uint8_t>(i)}, {9}})));
  dir.write("cifar10/test_batch.bin", cifar_records({{0}, {1}, {2}}));
  const Data data = open_data("cifar10", {.data_dir = dir.path()});
  CHECK(data.train->size() == 10);
  CHECK(data.test->size() == 3);
  CHECK(data.info().example == Shape{3, 32, 32});
  CHECK(data.info().class_names[9] == "truck");
  CHECK(data.train->label(4) == 3);
  CHECK(data.train->label(5) == 9);
  CHECK(first_pixel(*data.train, 5) == 1);
  CHECK(example(*data.train, 5)[3071] == doctest::Approx((1 / 255.0 - 0.4465) / 0.2616));
}

TEST_CASE("cifar100: fine and coarse labels") {
  const TempDir dir;
  dir.write("cifar100/train.bin", cifar_records({{19, 99}, {4, 0}}));
  dir.write("cifar100/test.bin", cifar_records({{1, 2}}));
  const Data fine = open_data("cifar100", {.data_dir = dir.path()});
  CHECK(fine.info().classes == 100);
  CHECK(fine.info().class_names.size() == 100);
  CHECK(fine.train->label(0) == 99);
  CHECK(fine.info().class_names[99] == "worm");
  const Data coarse = open_data("cifar100:labels=coarse", {.data_dir = dir.path()});
  CHECK(coarse.info().classes == 20);
  CHECK(coarse.train->label(0) == 19);
}

TEST_CASE("cifar: bad files are refused") {
  const auto refused = [](const std::vector<std::uint8_t>& bytes, const char* message) {
    CHECK_THROWS_WITH_AS(read_cifar(*memory_source(bytes, "f.bin"), 1, 0, 10), doctest::Contains(message),
                         DataError);
  };
  refused({}, "expected whole CIFAR records of 3073 bytes");
  auto bytes = cifar_records({{1}, {2}});
  bytes.pop_back();
  refused(bytes, "found 1 and 3072 bytes more");
  refused(cifar_records({{1}, {10}}), "f.bin: at offset 3073: expected a label 0..9, found 10");
}

TEST_CASE("folder: classes by name, any size and format, split or drawn") {
  const TempDir dir;
  const auto picture = [&](const std::string& file, std::uint8_t value, int64 side) {
    dir.write(file, std::string_view("x"));
    write_png(dir / file,
              {1, side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side), value)});
  };
  for (int i = 0; i < 5; ++i) {
    picture(fmt::format("pets/dog/{}.png", i), 200, 4 + i);
    picture(fmt::format("pets/cat/{}.PNG", i), 100, 9);
  }
  dir.write("pets/cat/notes.txt", std::string_view("not an image"));
  const Data data = open_data("folder:path=pets,size=6", {.data_dir = dir.path()});
  CHECK(data.info().class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(data.info().example == Shape{3, 6, 6});
  CHECK(data.train->size() == 8);
  CHECK(data.test->size() == 2);
  for (int64 i = 0; i < 8; ++i) CHECK(first_pixel(*data.train, i) == (data.train->label(i) ? 200 : 100));
  CHECK(data.info().mean[0] == doctest::Approx(150 / 255.0));
  CHECK(data.info().std[2] == doctest::Approx(50 / 255.0));

  picture("split/train/a/0.png", 1, 3);
  picture("split/train/b/0.png", 2, 3);
  picture("split/val/a/0.png", 3, 3);
  picture("split/val/b/0.png", 4, 3);
  const Data split = open_data("folder:path=split,size=3,channels=1", {.data_dir = dir.path()});
  CHECK(split.train->size() == 2);
  CHECK(first_pixel(*split.test, 1) == 4);

  const auto refused = [&](const char* spec, const char* message) {
    CHECK_THROWS_WITH_AS(open_data(spec, {.data_dir = dir.path()}), doctest::Contains(message), DataError);
  };
  refused("folder:path=none", "no directory none");
  refused("folder:path=pets/dog", "one per class, found 0");
  dir.write("pets/dog/9.jpg", std::string_view("\xff\xd8\xff no image"));
  refused("folder:path=pets", "9.jpg");
  std::filesystem::create_directory(dir / "split/train/c");
  refused("folder:path=split", "expected PNG or JPEG files, found none");
  CHECK_THROWS_AS(open_data("folder"), UsageError);
  CHECK_THROWS_AS(open_data("folder:path=pets,channels=2"), UsageError);
}

TEST_CASE("text: sorted distinct characters, 90 to 10, windows") {
  const TempDir dir;
  const std::string path =
      dir.write("t.txt", std::string_view("hello wörld hello wörld hello wörld, hi!"));  // 40 characters
  const Data data = open_data("text:block=3,path=" + path);
  CHECK(data.info().vocabulary ==
        std::vector<std::string>{" ", "!", ",", "d", "e", "h", "i", "l", "o", "r", "w", "ö"});
  CHECK(data.info().classes == 12);
  CHECK(data.train->size() == 11);  // 36 tokens: windows of 3 and one token more
  CHECK(data.train->starts() == 33);
  CHECK(data.test->size() == 1);
  int64 tokens[3], next[3];
  data.train->read_window(5, tokens, next);
  const Vocabulary vocabulary(data.info().vocabulary);
  CHECK(vocabulary.decode(tokens) == " wö");
  CHECK(vocabulary.decode(next) == "wör");
  CHECK(vocabulary.encode("hö") == std::vector<int64>{5, 11});
  CHECK_THROWS_WITH_AS(vocabulary.encode("x"), doctest::Contains("'x'"), UsageError);
  CHECK_THROWS_AS(vocabulary.decode(std::vector<int64>{12}), UsageError);
  data.test->read_window(0, tokens, next);
  CHECK(vocabulary.decode(tokens) == " hi");

  const Data bytes = open_data("text:level=byte,path=" + path, {.block = 3});
  CHECK(bytes.info().classes == 256);
  bytes.train->read_window(6, tokens, next);
  CHECK(tokens[1] == 0xc3);
  CHECK_THROWS_WITH_AS(open_data("text:block=4,path=" + path),
                       doctest::Contains("for windows of 4, found 36 and 4"), DataError);
  CHECK_THROWS_WITH_AS(open_data("text:path=" + dir.write("bad.txt", std::string_view("ab\xc3(cd"))),
                       doctest::Contains("at offset 2: expected UTF-8"), DataError);
  CHECK_THROWS_AS(open_data("text"), UsageError);
  CHECK_THROWS_AS(open_data("text:path=/nonexistent/file"), DataError);
}

TEST_CASE("text: what is and what is not UTF-8") {
  CHECK(decode_utf8("a\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "f") ==
        std::vector<char32_t>{'a', 0x80, 0x800, 0x10000, 0x10ffff});
  for (const char* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf8\x80\x80\x80", "\xc3", "\xe2\x82"})
    CHECK_THROWS_AS(decode_utf8(bad, "f"), DataError);
}

TEST_CASE("tinyshakespeare: the file of that name below the data folder") {
  const TempDir dir;
  dir.write("tinyshakespeare/input.txt", std::string_view(std::string(1000, 'a') + "b"));
  const Data data = open_data("tinyshakespeare", {.data_dir = dir.path(), .block = 8});
  CHECK(data.info().example == Shape{8});
  CHECK(data.info().classes == 2);
}

TEST_CASE("npy: images, vectors with labels, real targets; a test set given or drawn") {
  const TempDir dir;
  const auto save = [&](const char* file, const auto& tensor) {
    write_npy(dir / file, tensor);
    return dir / file;
  };
  const std::string x = save("x.npy", Tensor::from({5, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  const std::string labels = save("labels.npy", IntTensor::from({5}, {0, 1, 2, 0, 1}));
  const std::string targets = save("targets.npy", Tensor::from({5}, {10, 11, 12, 13, 14}));
  const Data drawn = open_data("npy:x=" + x + ",y=" + labels);
  CHECK(drawn.train->size() == 4);
  CHECK(drawn.test->size() == 1);
  CHECK(drawn.info().classes == 3);
  CHECK(example(*drawn.train, 0)[1] - example(*drawn.train, 0)[0] == 1);

  const Data given = open_data("npy:x=" + x + ",y=" + targets + ",test_x=" + x + ",test_y=" + targets);
  CHECK(given.train->size() == 5);
  CHECK(given.info().targets == 1);
  CHECK(example(*given.test, 2) == std::vector<real>{4, 5});
  real target;
  given.test->read_targets(2, &target);
  CHECK(target == 12);
  CHECK_THROWS_AS(given.train->label(0), UsageError);

  std::string bytes(
      "\x93NUMPY\x01\x00\x46\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2, 2), }      \n",
      80);
  for (int i = 0; i < 24; ++i) bytes += static_cast<char>(i);
  const std::string images = dir.write("images.npy", std::string_view(bytes));
  const std::string two = save("two.npy", IntTensor::from({2}, {0, 1}));
  const Data pictures = open_data("npy:x=" + images + ",y=" + two + ",test_x=" + images + ",test_y=" + two);
  CHECK(pictures.info().kind == DataKind::kImages);
  CHECK(pictures.info().example == Shape{3, 2, 2});
  CHECK(first_pixel(*pictures.train, 1) == 12);
  CHECK(pictures.info().mean[0] == doctest::Approx(7.5 / 255));

  CHECK_THROWS_WITH_AS(open_data("npy:x=" + x + ",y=" + two), doctest::Contains("expected 5 labels"),
                       DataError);
  CHECK_THROWS_WITH_AS(
      open_data("npy:x=" + x + ",y=" + save("n.npy", IntTensor::from({5}, {0, 1, -2, 0, 1}))),
      doctest::Contains("example 2: expected a class"), DataError);
  const real nan = std::numeric_limits<real>::quiet_NaN();
  CHECK_THROWS_WITH_AS(
      open_data("npy:x=" + save("nan.npy", Tensor::from({5, 1}, {0, 1, nan, 3, 4})) + ",y=" + labels),
      doctest::Contains("example 2 holds a number that is not finite"), DataError);
  CHECK_THROWS_AS(open_data("npy:x=" + x), UsageError);
  CHECK_THROWS_AS(open_data("npy:x=" + x + ",y=" + labels + ",test_x=" + x), UsageError);
}

TEST_CASE("csv: header, quotes, classes by name; standardised by the training rows") {
  const TempDir dir;
  const std::string path = dir.write(
      "t.csv",
      std::string_view("a,\"the \"\"b\"\"\",kind\r\n1,10,\"x, y\"\n2,10,z\n\n3,10,z\n4,10,\"x, y\"\n"));
  const Data data = open_data("csv:test=0.5,path=" + path);
  CHECK(data.info().class_names == std::vector<std::string>{"x, y", "z"});
  CHECK(data.train->size() == 2);
  const auto p = example(*data.train, 0), q = example(*data.train, 1);
  CHECK(p[0] == doctest::Approx(-1));
  CHECK(q[0] == doctest::Approx(1));
  CHECK(p[1] == 0);  // a constant column
  const Data raw =
      open_data("csv:standardize=false,standardize_target=false,target=a,task=regression,path=" +
                dir.write("n.csv", std::string_view("a;b\n1.5;2\n2.5;4\n3.5;6\n")) + ",separator=semicolon");
  CHECK(raw.info().targets == 1);
  real target;
  raw.train->read_targets(0, &target);
  CHECK(example(*raw.train, 0)[0] == doctest::Approx(2 * (target - 0.5)));
  const CsvTable table = parse_csv("1,2\n3,4", "f");
  CHECK(table.header.empty());
  CHECK(table.rows == std::vector<std::vector<std::string>>{{"1", "2"}, {"3", "4"}});
}

TEST_CASE("csv: bad tables are refused with the line") {
  const auto refused = [](const char* text, const char* message) {
    CHECK_THROWS_WITH_AS(parse_csv(text, "f.csv"), doctest::Contains(message), DataError);
  };
  refused("", "f.csv: expected rows of numbers");
  refused("a,b\n", "expected rows of numbers");
  refused("1,2\n3\n", "f.csv: line 2: expected 2 fields, found 1");
  refused("1,\"2\n3\n", "line 1: expected a closing quote");
  refused("1,\"2\"3\n", "line 1: expected a separator");
  const TempDir dir;
  const auto open = [&](const char* text, const char* options) {
    return open_data("csv:path=" + dir.write("t.csv", std::string_view(text)) + options);
  };
  CHECK_THROWS_WITH_AS(open("a,b\n1,2\nx,3\n", ""),
                       doctest::Contains("line 3, column 0 (a): expected a number, found 'x'"), DataError);
  CHECK_THROWS_WITH_AS(open("a,b\n1,2\n", ""), doctest::Contains("cannot be split"), DataError);
  CHECK_THROWS_AS(open("1\n2\n", ""), DataError);
  CHECK_THROWS_WITH_AS(open("alpha,beta\n1,2\n3,4\n", ",target=alpah"),
                       doctest::Contains("did you mean 'alpha'"), UsageError);
  CHECK_THROWS_AS(open_data("csv"), UsageError);
}
