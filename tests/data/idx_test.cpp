#include "data/idx.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/gzip.h"
#include "data/registry.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

std::vector<std::uint8_t> idx(std::initializer_list<std::uint32_t> dims, std::uint32_t magic = 0) {
  std::vector<std::uint8_t> bytes;
  std::size_t total = 1;
  const auto word = [&](std::uint32_t v) {
    for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(v >> shift));
  };
  word(magic ? magic : 0x0800 + static_cast<std::uint32_t>(dims.size()));
  for (std::uint32_t d : dims) word(d), total *= d;
  for (std::size_t i = 0; i < total; ++i) bytes.push_back(static_cast<std::uint8_t>(i % 10));
  return bytes;
}

void refused(std::vector<std::uint8_t> bytes, int axes, const char* message) {
  const auto source = memory_source(bytes, "f.idx");
  CHECK_THROWS_WITH_AS(read_idx(*source, axes), doctest::Contains(message), DataError);
}

}  // namespace

TEST_CASE("idx: reads extents and bytes, packed or not") {
  const auto bytes = idx({3, 2, 2});
  for (const auto& file : {bytes, gzip(bytes)}) {
    const IdxFile f = read_idx(*memory_source(file, "f"), 3);
    CHECK(f.dims == std::vector<int64>{3, 2, 2});
    CHECK(std::vector<std::uint8_t>(f.bytes.data(), f.bytes.data() + 12) ==
          std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1});
  }
}

TEST_CASE("idx: wrong magic, truncation, surplus and absurd extents are refused") {
  refused({}, 1, "f.idx: at offset 0: expected the IDX magic number (4 bytes)");
  refused(idx({3}), 3, "expected the IDX magic number 0x00000803 (unsigned bytes, 3 axes), found 0x00000801");
  refused(idx({3}, 0x0d01), 1,
          "expected the IDX magic number 0x00000801 (unsigned bytes, 1 axis), found 0x00000d01");
  auto bytes = idx({3, 2, 2});
  bytes.pop_back();
  refused(bytes, 3, "more elements than the file can hold");
  bytes.resize(14);
  refused(bytes, 3, "at offset 12: expected an IDX extent");
  bytes = idx({5});
  bytes.push_back(0);
  refused(bytes, 1, "expected the end of the file");
  refused({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3}, 3,
          "more elements than the file can hold");
  // Packed, the size of the contents is only bounded; the end is found while unpacking.
  const auto packed = gzip(std::vector<std::uint8_t>{0, 0, 8, 1, 0, 1, 0, 0, 1, 2, 3});
  refused(packed, 1, "expected the IDX elements (65536 bytes), but the file ends after 3 of them");
}

TEST_CASE("idx: a split needs images and labels that agree") {
  const TempDir dir;
  DatasetInfo info;
  info.name = "tiny";
  info.example = {1, 2, 2};
  info.classes = 10;
  info.mean = {0};
  info.std = {1};
  const std::string images = dir.write("images", idx({3, 2, 2}));
  const DatasetPtr data = open_idx_split(info, images, dir.write("labels", idx({3})));
  CHECK(data->size() == 3);
  CHECK(data->label(2) == 2);
  std::uint8_t pixels[4];
  data->read_pixels(1, pixels);
  CHECK(pixels[0] == 4);
  real numbers[4];
  data->read_reals(1, numbers);
  CHECK(numbers[3] == doctest::Approx(7 / 255.0));
  CHECK_THROWS_WITH_AS(open_idx_split(info, images, dir.write("labels", idx({4}))),
                       doctest::Contains("3 images, but"), DataError);
  info.classes = 2;
  CHECK_THROWS_WITH_AS(open_idx_split(info, images, dir.write("labels", idx({3}))),
                       doctest::Contains("at offset 10: expected a label 0..1, found 2"), DataError);
  info.example = {1, 28, 28};
  CHECK_THROWS_WITH_AS(open_idx_split(info, images, dir / "labels"),
                       doctest::Contains("expected images (1, 28, 28), found (1, 2, 2)"), DataError);
}

TEST_CASE("mnist: found below --data-dir by name, plain or packed") {
  const TempDir dir;
  dir.write("mnist/train-images-idx3-ubyte.gz", gzip(idx({20, 28, 28})));
  dir.write("mnist/train-labels-idx1-ubyte", idx({20}));
  dir.write("mnist/t10k-images-idx3-ubyte", idx({10, 28, 28}));
  CHECK_THROWS_WITH_AS(open_data("mnist", {.data_dir = dir.path()}),
                       doctest::Contains("t10k-labels-idx1-ubyte[.gz] not found"), DataError);
  dir.write("mnist/t10k-labels-idx1-ubyte.gz", gzip(idx({10})));
  const Data data = open_data("mnist:limit=15", {.data_dir = dir.path()});
  CHECK(data.train->size() == 15);
  CHECK(data.test->size() == 10);
  CHECK(data.info().mean == std::vector<double>{0.1307});
}
