#include "core/safetensors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

// A file with this header and these data bytes.
std::string tensors_file(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(header.size() >> 8 * i);
  return bytes + header + data;
}

TensorFile parse_tensors(const std::string& bytes) {
  return read_safetensors(
      *memory_source({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "f.st"));
}

}  // namespace

TEST_CASE("safetensors: writes and reads back order, names, shapes, values and metadata") {
  const TempDir dir;
  TensorFile file;
  file.tensors.emplace_back(
      "z.weight", Tensor::from({2, 3}, {1, -2, real(0.1), 4, 5, std::numeric_limits<real>::infinity()}));
  file.tensors.emplace_back("a \"quoted\"\n", Tensor::scalar(7));
  file.tensors.emplace_back("empty", Tensor(Shape{0, 4}));
  file.integers.emplace_back("step", IntTensor::from({2}, {int64{1} << 60, -3}));
  file.metadata = {{"format", "pt"}, {"epoch", "3"}};
  write_safetensors(dir / "f", file);
  const TensorFile back = read_safetensors(dir / "f");
  REQUIRE(back.tensors.size() == 3);
  CHECK(back.metadata == file.metadata);
  CHECK(back.tensors[0].first == "z.weight");
  CHECK(back.get("z.weight", "f").values() == file.tensors[0].second.values());
  CHECK(back.get("z.weight", "f").shape() == Shape{2, 3});
  CHECK(back.get("a \"quoted\"\n", "f").item() == 7);
  CHECK(back.get("empty", "f").shape() == Shape{0, 4});
  CHECK(back.get_integers("step", "f").values() == std::vector<int64>{int64{1} << 60, -3});
  CHECK(back.find("step") == nullptr);
  CHECK_THROWS_WITH_AS(back.get("z.weigth", "f"),
                       "f: expected a tensor 'z.weigth', but there is none (there is 'z.weight')", DataError);
  CHECK((8 + dir.read("f").find("      ")) != 0);
  // Equal input, equal bytes; the elements begin at a multiple of 8.
  write_safetensors(dir / "g", back);
  CHECK(dir.read("f") == dir.read("g"));
  CHECK(static_cast<unsigned char>(dir.read("f")[0]) % 8 == 0);
  file.integers.emplace_back("empty", IntTensor(Shape{1}));
  CHECK_THROWS_AS(write_safetensors(dir / "f", file), UsageError);
  CHECK(dir.read("f") == dir.read("g"));
}

TEST_CASE("safetensors: every element type") {
  const auto one = [](const char* type, const std::string& data) {
    return parse_tensors(tensors_file(
        fmt::format(R"({{"x":{{"dtype":"{}","shape":[1],"data_offsets":[0,{}]}}}})", type, data.size()),
        data));
  };
  const auto value = [&](const char* type, const std::string& data) {
    return one(type, data).get("x", "f").item();
  };
  const auto integer = [&](const char* type, const std::string& data) {
    return one(type, data).get_integers("x", "f")[0];
  };
  CHECK(value("F16", std::string("\x00\x3c", 2)) == 1);
  CHECK(value("F16", std::string("\x01\x00", 2)) ==
        doctest::Approx(5.960464477539063e-08));  // smallest subnormal
  CHECK(value("F16", std::string("\xff\xfb", 2)) == -65504);
  CHECK(std::isinf(value("F16", std::string("\x00\x7c", 2))));
  CHECK(std::isnan(value("F16", std::string("\x01\x7c", 2))));
  CHECK(value("BF16", std::string("\xc0\xbf", 2)) == -1.5);
  CHECK(value("F32", std::string("\x00\x00\x40\x40", 4)) == 3);
  CHECK(value("F64", std::string("\x00\x00\x00\x00\x00\x00\x04\xc0", 8)) == -2.5);
  CHECK(value("F64", std::string("\xff\xff\xff\xff\xff\xff\xef\x7f", 8)) ==
        (sizeof(real) == 8 ? static_cast<real>(std::numeric_limits<double>::max())
                           : std::numeric_limits<real>::infinity()));
  CHECK(integer("BOOL", "\x01") == 1);
  CHECK(integer("U8", "\xff") == 255);
  CHECK(integer("I8", "\xff") == -1);
  CHECK(integer("U16", "\xff\xff") == 65535);
  CHECK(integer("I16", "\xfe\xff") == -2);
  CHECK(integer("I32", "\xfd\xff\xff\xff") == -3);
  CHECK(integer("U32", "\xff\xff\xff\xff") == 4294967295);
}

TEST_CASE("safetensors: what the format forbids is refused") {
  const auto refused = [](const std::string& bytes, const char* message) {
    CHECK_THROWS_WITH_AS(parse_tensors(bytes), doctest::Contains(message), DataError);
  };
  const std::string four(4, '\0');
  const auto entry = [](const char* shape, const char* place, const char* type = "F32") {
    return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", type, shape, place);
  };
  refused("", "f.st: at offset 0: expected the length of the safetensors header (8 bytes)");
  refused(std::string(7, '\xff') + "\x7f", "at offset 0: expected the length");
  refused(tensors_file("{", ""), "not valid JSON");
  refused(tensors_file("[]", ""), "expected a JSON object");
  refused(tensors_file("{\"x\":" + entry("[1]", "[0,4]") + "}", ""),
          "announces 4 bytes of tensors, but at most 0 are left");
  refused(tensors_file("{\"x\":" + entry("[1]", "[0,4]") + "}", four + "!"), "expected the end of the file");
  refused(tensors_file("{\"x\":" + entry("[2]", "[0,4]") + "}", four), "tensor 'x'");
  refused(tensors_file("{\"x\":" + entry("[1]", "[4,0]") + "}", four), "expected data_offsets [begin, end]");
  refused(tensors_file("{\"x\":" + entry("[-1]", "[0,4]") + "}", four), "non-negative integers");
  refused(tensors_file("{\"x\":" + entry("[1.5]", "[0,4]") + "}", four), "non-negative integers");
  refused(tensors_file("{\"x\":" + entry("[4611686018427387904]", "[0,4]") + "}", four),
          "non-negative integers");
  refused(tensors_file("{\"x\":" + entry("[2147483648,2147483648,2147483648]", "[0,4]") + "}", four),
          "tensor 'x'");
  refused(tensors_file("{\"x\":" + entry("[1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", four), "tensor 'x'");
  refused(tensors_file("{\"x\":" + entry("[1]", "[0,4]", "F8") + "}", four), "element type 'F8'");
  refused(tensors_file("{\"x\":" + entry("[1]", "[0,4]") + ",\"y\":" + entry("[1]", "[0,4]") + "}", four),
          "tensor 'y' begins at 0");
  refused(tensors_file("{\"x\":" + entry("[1]", "[0,4]") + ",\"x\":" + entry("[1]", "[0,4]") + "}", four),
          "appears twice");
  refused(tensors_file("{\"x\":" + entry("[1]", "[4,8]") + "}", four + four), "begins at 4");
  refused(tensors_file("{\"x\":3}", ""), "expected an object with dtype");
  refused(tensors_file(R"({"__metadata__":{"a":1}})", ""), "expected __metadata__ 'a' to be a text");
}

TEST_CASE("safetensors: what torch.save and numpy write is called by its name") {
  CHECK_THROWS_WITH_AS(parse_tensors("PK\x03\x04 and the rest of an archive"),
                       doctest::Contains("a zip archive (a PyTorch .pt file, or .npz)"), DataError);
  CHECK_THROWS_WITH_AS(parse_tensors(std::string("\x80\x02\x8a\x0a", 4) + "l\xfc\x9c\x46\xf9 and so on"),
                       doctest::Contains("safetensors.torch.save_file"), DataError);
}
