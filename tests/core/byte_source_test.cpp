#include "core/byte_source.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/gzip.h"
#include "tests/paths.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

std::vector<std::uint8_t> pattern(std::size_t n) {
  std::vector<std::uint8_t> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
  return bytes;
}

}  // namespace

TEST_CASE("byte source: plain, packed and packed in two members read alike") {
  const TempDir dir;
  const auto bytes = pattern(300000);
  const std::string plain = dir.write("plain.gz", bytes);  // known by content, not by name
  const std::string packed = dir.write("packed", gzip(bytes));
  auto both = gzip(std::span(bytes).first(1000));
  const auto rest = gzip(std::span(bytes).subspan(1000));
  both.insert(both.end(), rest.begin(), rest.end());
  for (const std::string& path : {plain, packed, dir.write("members", both)}) {
    const ByteSourcePtr source = open_file(path);
    CHECK(source->remaining_bound() >= bytes.size());
    CHECK(source->read_u32_be("a word") == (bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]));
    CHECK(source->offset() == 4);
    const ByteBuffer part = source->read(bytes.size() - 4, "the rest");
    CHECK(std::equal(bytes.begin() + 4, bytes.end(), part.data()));
    source->expect_end("the rest");
    const ByteBuffer all = open_file(path)->read_all(bytes.size());
    CHECK(std::equal(all.data(), all.data() + all.size(), bytes.begin(), bytes.end()));
    CHECK_THROWS_AS(open_file(path)->read_all(bytes.size() - 1), DataError);
  }
}

TEST_CASE("byte source: what is missing is named with file, offset and size") {
  const TempDir dir;
  const std::string path = dir.write("short", std::string_view("abcde"));
  const ByteSourcePtr source = open_file(path);
  source->read_u32_be("a word");
  char two[2];
  CHECK_THROWS_WITH_AS(
      source->read(two, 2, "the header"),
      (path + ": at offset 4: expected the header (2 bytes), but the file ends after 1 of them").c_str(),
      DataError);
  CHECK_THROWS_WITH_AS(open_file(path)->read(std::uint64_t{1} << 60, "the body"),
                       doctest::Contains("at most 5 are left"), DataError);
  CHECK_THROWS_WITH_AS(open_file(path)->expect_end("nothing"),
                       doctest::Contains("expected the end of the file"), DataError);
  CHECK_THROWS_WITH_AS(open_file(dir / "absent"), doctest::Contains("cannot open"), DataError);
  CHECK_THROWS_WITH_AS(open_file(dir.path()), doctest::Contains("not a regular file"), DataError);
  CHECK(open_file(dir.write("empty", std::string_view()))->read_all(0).size() == 0);
}

TEST_CASE("gzip: truncated and damaged data are refused") {
  const auto bytes = pattern(5000);
  const auto packed = gzip(bytes);
  for (std::size_t keep : {std::size_t{2}, std::size_t{10}, packed.size() / 2, packed.size() - 1}) {
    const auto source = memory_source(std::span(packed).first(keep), "x.gz");
    CHECK_THROWS_WITH_AS(source->read_all(1 << 20), doctest::Contains("truncated"), DataError);
  }
  auto damaged = packed;
  damaged.at(damaged.size() - 6) ^= 1;  // the checksum
  CHECK_THROWS_WITH_AS(memory_source(damaged, "x.gz")->read_all(1 << 20),
                       doctest::Contains("x.gz: at offset"), DataError);
}

TEST_CASE("gzip: zero bytes behind the data are padding, others are not") {
  const auto bytes = pattern(3000);
  for (const std::size_t zeros : {std::size_t{1}, std::size_t{512}, std::size_t{200000}}) {
    auto packed = gzip(bytes);
    packed.resize(packed.size() + zeros, 0);
    const ByteBuffer all = memory_source(packed, "x.gz")->read_all(1 << 20);
    CHECK(all.size() == bytes.size());
    const auto source = memory_source(packed, "x.gz");
    source->read(bytes.size(), "the data");
    source->expect_end("the data");
    if (zeros == 1) continue;
    packed.back() = 7;
    CHECK_THROWS_WITH_AS(memory_source(packed, "x.gz")->read_all(1 << 20),
                         doctest::Contains("nothing but zero bytes"), DataError);
  }
  // A second member goes on, also where padding follows it.
  auto two = gzip(bytes);
  const auto second = gzip(pattern(10));
  two.insert(two.end(), second.begin(), second.end());
  two.resize(two.size() + 9, 0);
  CHECK(memory_source(two, "x.gz")->read_all(1 << 20).size() == 3010);
  const std::vector<std::uint8_t> labels = [] {
    const ByteBuffer all =
        open_file((tests::tests_dir() / "fixtures/data/labels-zero-padded-idx1-ubyte.gz").string())
            ->read_all(1 << 20);
    return std::vector<std::uint8_t>(all.data(), all.data() + all.size());
  }();
  CHECK(std::vector<std::uint8_t>(labels.begin(), labels.begin() + 4) ==
        std::vector<std::uint8_t>{0, 0, 8, 1});
}
