#include "core/npz.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "core/error.h"
#include "core/npy.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

std::uint64_t number(const std::string& bytes, std::size_t at, int n) {
  std::uint64_t v = 0;
  for (int i = n - 1; i >= 0; --i)
    v = v << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return v;
}

// The check sum of zip (polynomial 0xedb88320, reflected), bit by bit.
std::uint32_t crc32_of(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

struct Member {
  std::string name, contents;
};

// Reads a zip archive of stored members from its directory, as a zip program does.
std::vector<Member> unzip(const std::string& zip) {
  const std::size_t end = zip.size() - 22;
  REQUIRE(number(zip, end, 4) == 0x06054b50);
  const auto count = number(zip, end + 10, 2);
  std::size_t at = number(zip, end + 16, 4);
  CHECK(at + number(zip, end + 12, 4) == end);
  std::vector<Member> members;
  for (std::uint64_t i = 0; i < count; ++i) {
    REQUIRE(number(zip, at, 4) == 0x02014b50);
    CHECK(number(zip, at + 10, 2) == 0);  // stored
    const std::size_t size = number(zip, at + 24, 4), name_size = number(zip, at + 28, 2),
                      local = number(zip, at + 42, 4);
    Member m{zip.substr(at + 46, name_size), ""};
    REQUIRE(number(zip, local, 4) == 0x04034b50);
    CHECK(zip.substr(local + 4, 26) == zip.substr(at + 6, 26));  // version to extra length: the same
    CHECK(zip.substr(local + 30, name_size) == m.name);
    m.contents = zip.substr(local + 30 + name_size, size);
    CHECK(number(zip, at + 16, 4) == crc32_of(m.contents));
    CHECK(number(zip, at + 20, 4) == size);
    members.push_back(m);
    at += 46 + name_size;
  }
  CHECK(at == end);
  return members;
}

}  // namespace

TEST_CASE("npz: a zip archive of .npy members, the same bytes each time") {
  const TempDir dir;
  TensorFile file;
  file.tensors.emplace_back("layer1.0.conv1.weight", Tensor::from({2, 1, 2}, {1, -2, 3, real(0.5)}));
  file.tensors.emplace_back("bn1.running_mean", Tensor::from({1}, {7}));
  file.integers.emplace_back("labels", IntTensor::from({3}, {4, 5, 6}));
  write_npz(dir / "a.npz", file);
  write_npz(dir / "b.npz", file);
  CHECK(dir.read("a.npz") == dir.read("b.npz"));
  CHECK_FALSE(std::filesystem::exists(dir / "a.npz.partial"));

  const auto members = unzip(dir.read("a.npz"));
  REQUIRE(members.size() == 3);
  CHECK(members[0].name == "layer1.0.conv1.weight.npy");
  CHECK(members[0].contents == npy_bytes(file.tensors[0].second));
  CHECK(members[1].name == "bn1.running_mean.npy");
  CHECK(members[1].contents == npy_bytes(file.tensors[1].second));
  CHECK(members[2].name == "labels.npy");
  CHECK(members[2].contents == npy_bytes(file.integers[0].second));

  write_npz(dir / "none.npz", TensorFile{});
  CHECK(unzip(dir.read("none.npz")).empty());
}

TEST_CASE("npz: a name used twice is refused and leaves nothing") {
  const TempDir dir;
  TensorFile file;
  file.tensors.emplace_back("w", Tensor::full({2}, 1));
  file.tensors.emplace_back("w", Tensor::full({2}, 2));
  CHECK_THROWS_WITH_AS(write_npz(dir / "w.npz", file), doctest::Contains("'w.npy' is used twice"),
                       UsageError);
  CHECK(std::filesystem::is_empty(dir.path()));
}
