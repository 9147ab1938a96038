#include "core/npy.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/paths.h"
#include "tests/temp_dir.h"

using namespace gradus;
using namespace std::string_literals;

namespace {

std::string file_of(const std::string& header, const std::string& data, char version = 1) {
  std::string bytes("\x93NUMPY", 6);
  bytes += version;
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> 8 * i);
  return bytes + header + data;
}

NpyArray parse(const std::string& bytes) {
  return read_npy(
      *memory_source({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "f.npy"));
}

}  // namespace

TEST_CASE("npy: writes what numpy writes, and reads it back") {
  const TempDir dir;
  const Tensor t = Tensor::from({2, 3}, {0, 1, 2, 3, 4, real(5.5)});
  write_npy(dir / "t.npy", t);
  const std::string bytes = dir.read("t.npy");
  // numpy.save of the same array has these first 128 bytes.
  std::string head =
      fmt::format("\x93NUMPY\x01{}v{}{{'descr': '<f{}', 'fortran_order': False, 'shape': (2, 3), }}", '\0',
                  '\0', sizeof(real));
  head.append(127 - head.size(), ' ');
  CHECK(bytes.substr(0, 128) == head + "\n");
  CHECK(bytes.size() == 128 + 6 * sizeof(real));
  const NpyArray back = read_npy(dir / "t.npy");
  CHECK(back.shape == Shape{2, 3});
  CHECK(back.reals().values() == t.values());
  CHECK_THROWS_AS(back.integers(), DataError);
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{0, 3}}) {
    write_npy(dir / "i.npy", IntTensor::full(shape, -7));
    const NpyArray i = read_npy(dir / "i.npy");
    CHECK(i.shape == shape);
    CHECK(i.integers().values() == std::vector<int64>(static_cast<std::size_t>(shape.numel()), -7));
  }
}

TEST_CASE("npy: versions, byte orders, types and Fortran order") {
  for (char version : {'\1', '\2', '\3'})
    CHECK(
        parse(file_of("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n", "\x01\x02\xff", version))
            .integers()
            .values() == std::vector<int64>{1, 2, 255});
  CHECK(parse(file_of("{\"shape\":(1,),\"descr\":\">i2\",\"fortran_order\":False}", "\x01\x02"))
            .integers()[0] == 258);
  const NpyArray f =
      parse(file_of("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3)}", "\1\2\3\4\5\6"));
  CHECK(f.reals().values() == std::vector<real>{1, 3, 5, 2, 4, 6});
}

TEST_CASE("npy: bad files are refused with the place and what was expected") {
  const auto refused = [](const std::string& bytes, const char* message) {
    CHECK_THROWS_WITH_AS(parse(bytes), doctest::Contains(message), DataError);
  };
  const char* good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  refused("NUMPY", "f.npy: at offset 0");
  refused("\x93NUMPX\x01\x01", "expected the npy magic string");
  refused(file_of(good, "1234", '\7'), "expected npy version 1, 2 or 3, found 7");
  refused(file_of(good, "123"), "asks for more elements than the file can hold");
  refused(file_of(good, "12345"), "expected the end of the file");
  refused(file_of("{'descr': '<f4', 'fortran_order': False}", ""), "expected the keys");
  refused(file_of("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", ""), "element type '<c8'");
  refused(file_of("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", ""), "expected True or False");
  refused(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", ""), "non-negative integer");
  refused(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000,4000000000)}", "1234"),
          "npy header");
  refused(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "1234"),
          "non-negative integer");
}

TEST_CASE("npy: Python 2 wrote extents with an L") {
  const std::string folder = (tests::tests_dir() / "fixtures/data").string();
  const NpyArray old = read_npy(folder + "/x-python2-L.npy"), same = read_npy(folder + "/x.npy");
  CHECK(old.shape == Shape{40, 3});
  CHECK(old.reals().data()[119] == same.reals().data()[119]);
  CHECK(parse(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (1L,), }\n", "\0\0\0\0"s)).shape ==
        Shape{1});
  CHECK_THROWS_AS(
      parse(file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (1LL,), }\n", "\0\0\0\0"s)),
      DataError);
}
