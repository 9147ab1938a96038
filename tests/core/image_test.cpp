#include "core/image.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

Image gradient(int64 channels, int64 height, int64 width) {
  Image image{channels, height, width, {}};
  for (int64 i = 0; i < channels * height * width; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(i * 37));
  return image;
}

}  // namespace

TEST_CASE("image: PNG written and read back, grey and colour") {
  const TempDir dir;
  for (int64 channels : {1, 3}) {
    const Image image = gradient(channels, 5, 7);
    write_png(dir / "x.png", image);
    const Image back = read_image(dir / "x.png");
    CHECK(back.channels == channels);
    CHECK(back.height == 5);
    CHECK(back.width == 7);
    CHECK(back.pixels == image.pixels);
    CHECK(read_image(dir / "x.png", 3).channels == 3);
    CHECK(read_image(dir / "x.png", 1).channels == 1);
  }
}

TEST_CASE("image: grey and colour") {
  const Image colour{3, 1, 2, {255, 10, 0, 20, 0, 30}};
  CHECK(to_channels(colour, 1).pixels ==
        std::vector<std::uint8_t>{76, 18});  // 0.299 * 255; 2.99 + 11.74 + 3.42
  CHECK(to_channels(Image{1, 1, 2, {4, 9}}, 3).pixels == std::vector<std::uint8_t>{4, 9, 4, 9, 4, 9});
  CHECK_THROWS_AS(to_channels(colour, 2), UsageError);
}

TEST_CASE("image: resizing averages when shrinking and interpolates when enlarging") {
  const Image flat{1, 3, 3, std::vector<std::uint8_t>(9, 77)};
  CHECK(resize(flat, 7, 2).pixels == std::vector<std::uint8_t>(14, 77));
  // Halving with a triangle two pixels wide: weights 1/8 3/8 3/8 1/8 inside, 3/7 3/7 1/7 at the border.
  const Image row{1, 1, 4, {0, 70, 140, 210}};
  CHECK(resize(row, 1, 2).pixels == std::vector<std::uint8_t>{50, 160});
  const Image two{1, 1, 2, {0, 100}};
  CHECK(resize(two, 1, 4).pixels == std::vector<std::uint8_t>{0, 25, 75, 100});
  CHECK_THROWS_AS(resize(two, 0, 4), UsageError);
}

TEST_CASE("image: truncated, damaged and foreign files are refused") {
  const TempDir dir;
  write_png(dir / "x.png", gradient(3, 16, 16));
  const std::string bytes = dir.read("x.png");
  const auto refused = [&](const std::string& contents, const char* message) {
    CHECK_THROWS_WITH_AS(read_image(dir.write("y.png", std::string_view(contents))),
                         doctest::Contains(message), DataError);
  };
  refused("", "expected a PNG or JPEG signature");
  refused("GIF89a.............", "expected a PNG or JPEG signature");
  for (std::size_t keep : {std::size_t{8}, std::size_t{20}, bytes.size() / 2, bytes.size() - 1})
    refused(bytes.substr(0, keep), "truncated");
  std::string damaged = bytes;
  damaged[bytes.size() / 2] ^= 4;
  refused(damaged, "checksum");
  refused(std::string("\xff\xd8\xff\xe0 and so on"), "JPEG segment");

  // A JPEG of nothing but one Huffman table with this many codes of 8, 9 and 10 bits.
  const auto table = [](int eight, int nine, int ten) {
    const int codes = eight + nine + ten, length = 2 + 17 + codes;
    std::string jpeg = "\xff\xd8\xff\xc4";
    jpeg += {char(length >> 8), char(length & 255), 0};
    for (int i = 1; i <= 16; ++i) jpeg += char(i == 8 ? eight : i == 9 ? nine : i == 10 ? ten : 0);
    return jpeg + std::string(static_cast<std::size_t>(codes), '\1') + "\xff\xd9";
  };
  refused(table(2, 255, 0), "at most 256 codes, found 257");
  refused(table(1, 255, 0), "found 256, all of up to 9 bits");
  refused(table(1, 254, 1), "expected a JPEG header");  // the table passes, the picture is missing
  refused(std::string("\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0\xff\xd9", 14), "tables that are defined before");
}

TEST_CASE("image: a JPEG scan needs the Huffman tables that it reads, and no others") {
  const TempDir dir;
  // 8x8 grey pixels in the frame `frame` (0xc0 baseline, 0xc2 progressive), with tables of these classes (0 DC, 1 AC; the
  // one code 0 for the symbol 0), and a scan from coefficient `first`; two bits of data.
  const auto jpeg = [](int frame, std::initializer_list<int> classes, int first, int components = 1) {
    std::string s("\xff\xd8\xff\xdb\0\x43\0", 7);
    s += std::string(64, '\1');
    s += std::string({'\xff', char(frame), 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0});
    for (const int c : classes)
      s += std::string({'\xff', '\xc4', 0, 20, char(c << 4), 1}) + std::string(16, '\0');
    const char last = frame == 0xc0 || first ? 63 : 0;
    return s + std::string({'\xff', '\xda', 0, 8, char(components), 1, 0, char(first), last, 0, 0x3f, '\xff',
                            '\xd9'});
  };
  const auto read = [&](const std::string& bytes) {
    return read_image(dir.write("x.jpg", std::string_view(bytes)));
  };
  const std::vector<std::uint8_t> grey(64, 128);
  CHECK(read(jpeg(0xc0, {0, 1}, 0)).pixels == grey);
  CHECK(read(jpeg(0xc2, {0}, 0)).pixels == grey);  // a scan of DC coefficients
  const auto refused = [&](const std::string& bytes, const char* message) {
    CHECK_THROWS_WITH_AS(read(bytes), doctest::Contains(message), DataError);
  };
  refused(jpeg(0xc0, {0}, 0), "tables that are defined before");
  refused(jpeg(0xc0, {1}, 0), "tables that are defined before");
  refused(jpeg(0xc2, {1}, 0), "tables that are defined before");
  refused(jpeg(0xc2, {0}, 1), "tables that are defined before");
  refused(jpeg(0xc0, {0, 1}, 0, 9), "expected a JPEG scan of 9 components");
}
