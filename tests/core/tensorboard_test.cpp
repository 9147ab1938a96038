#include "core/tensorboard.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

template <class T>
T at(const std::string& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

// Takes the records apart, checking lengths and sums.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < file.size();) {
    const auto length = static_cast<std::size_t>(at<std::uint64_t>(file, i));
    CHECK(at<std::uint32_t>(file, i + 8) == masked(file.substr(i, 8)));
    list.push_back(file.substr(i + 12, length));
    CHECK(at<std::uint32_t>(file, i + 12 + length) == masked(list.back()));
    i += 16 + length;
  }
  return list;
}

}  // namespace

TEST_CASE("crc32c: the check value and the vectors of RFC 3720") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
}

TEST_CASE("tensorboard: records and messages byte for byte") {
  const TempDir dir;
  EventWriter writer(dir.path());
  const std::pair<std::string, double> scalars[] = {{"loss", 0.5}, {"acc", -2}};
  writer.add(300, scalars, 1.5);
  const std::string name = std::filesystem::path(writer.path()).filename().string();
  CHECK(name.starts_with("events.out.tfevents."));
  const auto list = records(dir.read(name));
  REQUIRE(list.size() == 2);
  CHECK(list[0].substr(0, 1) == "\x09");
  CHECK(list[0].substr(9) ==
        "\x1a\x0d"
        "brain.Event:2");
  std::string expected("\x09\x00\x00\x00\x00\x00\x00\xf8\x3f", 9);  // 1: wall time 1.5
  expected += "\x10\xac\x02";                                       // 2: step 300
  expected += "\x2a\x19";                                           // 5: summary of 25 bytes
  expected += std::string(
      "\x0a\x0b\x0a\x04"
      "loss"
      "\x15\x00\x00\x00\x3f",
      13);
  expected += std::string(
      "\x0a\x0a\x0a\x03"
      "acc"
      "\x15\x00\x00\x00\xc0",
      12);

  CHECK(list[1] == expected);
  EventWriter second(dir.path());
  CHECK(second.path() != writer.path());
  CHECK_THROWS_AS(EventWriter(dir / "none"), DataError);
}
