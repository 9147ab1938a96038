#include "core/image.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>

#include "core/error.h"
#include "core/exif.h"
#include "tests/paths.h"
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

TEST_CASE("image: a transparent colour of a PNG is laid over white") {
  const std::string folder = (tests::tests_dir() / "fixtures/data").string();
  // Left half 200, right half 0, which is transparent; in colour (200, 10, 10) and transparent white.
  const Image grey = read_image(folder + "/grey-trns.png"), colour = read_image(folder + "/rgb-trns.png");
  CHECK(grey.channels == 1);
  CHECK(colour.channels == 3);
  for (std::size_t i = 0; i < 64; ++i) {
    const bool left = i % 8 < 4;
    CHECK(grey.pixels[i] == (left ? 200 : 255));
    CHECK(colour.pixels[i] == (left ? 200 : 255));
    CHECK(colour.pixels[64 + i] == (left ? 10 : 255));
  }
  CHECK(read_image(folder + "/grey-trns.png", 3).channels == 3);
}

TEST_CASE("image: the eight orientations of EXIF, by hand") {
  const Image image{1, 2, 3, {1, 2, 3, 4, 5, 6}};  // 1 2 3 above 4 5 6
  const std::vector<std::vector<std::uint8_t>> expected = {
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int o = 1; o <= 8; ++o) {
    CAPTURE(o);
    const Image turned = upright(image, o);
    CHECK(turned.pixels == expected[static_cast<std::size_t>(o - 1)]);
    CHECK(turned.height == (o < 5 ? 2 : 3));
    CHECK(turned.width == (o < 5 ? 3 : 2));
  }
  CHECK(upright(image, 9).pixels == image.pixels);
}

TEST_CASE("image: the orientation of a file is read, and what is damaged is passed over") {
  const std::string folder = (tests::tests_dir() / "fixtures/data").string();
  const Image stored = read_image(folder + "/exif/o1.jpg");
  for (int o = 1; o <= 8; ++o) {
    CAPTURE(o);
    CHECK(read_image(fmt::format("{}/exif/o{}.jpg", folder, o)).pixels == upright(stored, o).pixels);
  }
  std::ifstream in(folder + "/j-exif6.jpg", std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
  CHECK(exif_orientation(bytes) == 6);
  const Image turned = decode_image(bytes, "j");
  // Its EXIF segment cut short or scrambled: the image as it is stored, no error.
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t exif = text.find("Exif");
  REQUIRE(exif != std::string_view::npos);
  for (std::size_t i = exif; i < exif + 20; ++i) {
    auto damaged = bytes;
    damaged[i] ^= 0xff;
    CHECK_NOTHROW(exif_orientation(damaged));
  }
  bytes[exif] = 'X';
  CHECK(exif_orientation(bytes) == 1);
  const Image raw = decode_image(bytes, "j");
  CHECK(raw.height == turned.width);
  CHECK(upright(raw, 6).pixels == turned.pixels);

  // A PNG says it in a chunk of its own.
  const TempDir dir;
  write_png(dir / "x.png", gradient(1, 2, 3));
  std::string png = dir.read("x.png");
  std::string chunk = "eXIf" + std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0", 22);
  const auto crc = static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const unsigned char*>(chunk.data()), static_cast<unsigned>(chunk.size())));
  std::string framed = {0, 0, 0, 22};
  framed += chunk;
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(crc >> shift & 255);
  png.insert(8 + 12 + 13, framed);
  CHECK(read_image(dir.write("y.png", std::string_view(png))).pixels == upright(gradient(1, 2, 3), 3).pixels);
}
