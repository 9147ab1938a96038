#include "tests/fuzz/readers.h"

#include <algorithm>
#include <stdexcept>

#include "core/error.h"
#include "core/gzip.h"
#include "core/image.h"
#include "core/npy.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "data/cifar.h"
#include "data/csv.h"
#include "data/folder.h"
#include "data/idx.h"
#include "data/tar.h"
#include "data/text.h"
#include "tests/temp_dir.h"

namespace gradus::fuzz {
namespace {

constexpr const char* kName = "input";

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes ramp(Bytes head, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) head.push_back(static_cast<std::uint8_t>(i % 10));
  return head;
}

std::vector<Bytes> idx_seeds() {
  const Bytes images = ramp({0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 3}, 60);
  return {images, gzip(images)};
}

std::vector<Bytes> gzip_seeds() {
  Bytes two = gzip(ramp({}, 3000));
  const Bytes second = gzip(ramp({}, 5));
  two.insert(two.end(), second.begin(), second.end());
  return {second, two};
}

// What a writer of files writes, read back.
template <class Write>
Bytes written(const Write& write) {
  const TempDir dir;
  write(dir / "f");
  return bytes_of(dir.read("f"));
}

std::vector<Bytes> safetensors_seeds() {
  TensorFile file;
  file.tensors.emplace_back("fc1.weight", Tensor::full({3, 4}, real(0.5)));
  file.tensors.emplace_back("fc1.bias", Tensor::full({3}, 1));
  file.integers.emplace_back("step", IntTensor::full({}, 7));
  file.metadata["format"] = "pt";
  const std::string half =
      R"({"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]}})";
  Bytes small{static_cast<std::uint8_t>(half.size()), 0, 0, 0, 0, 0, 0, 0};
  small.insert(small.end(), half.begin(), half.end());
  small.insert(small.end(), {0, 60, 0, 124, 128, 63});
  return {written([&](const std::string& path) { write_safetensors(path, file); }), small};
}

std::vector<Bytes> npy_seeds() {
  const std::string fortran = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n";
  Bytes big = bytes_of(std::string_view("\x93NUMPY\x01\x00", 8));
  big.insert(big.end(), {static_cast<std::uint8_t>(fortran.size()), 0});
  big.insert(big.end(), fortran.begin(), fortran.end());
  return {bytes_of(npy_bytes(Tensor::full({2, 3}, 4))), bytes_of(npy_bytes(IntTensor::full({5}, -1))),
          ramp(big, 12)};
}

Image picture(int64 channels) {
  Image image{channels, 12, 9, {}};
  for (int64 i = 0; i < channels * 12 * 9; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i * i));
  return image;
}

std::vector<Bytes> png_seeds() {
  return {written([](const std::string& path) { write_png(path, picture(1)); }),
          written([](const std::string& path) { write_png(path, picture(3)); })};
}

// A baseline JPEG of 8x8 grey pixels, all 128: every table it needs, and one block of two codes.
std::vector<Bytes> jpeg_seeds() {
  Bytes jpeg{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0};  // quantisation table: all ones
  jpeg.insert(jpeg.end(), 64, 1);
  for (const std::uint8_t b : {0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0})
    jpeg.push_back(b);  // frame: 8x8, one component
  for (const std::uint8_t table :
       {0x00, 0x10}) {  // Huffman tables of DC and AC: the one code 0 for the symbol 0
    for (const std::uint8_t b :
         {std::uint8_t{0xff}, std::uint8_t{0xc4}, std::uint8_t{0}, std::uint8_t{20}, table, std::uint8_t{1}})
      jpeg.push_back(b);
    jpeg.insert(jpeg.end(), 15, 0);
    jpeg.push_back(0);
  }
  for (const std::uint8_t b : {0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x3f, 0xff, 0xd9}) jpeg.push_back(b);
  Bytes progressive = jpeg;
  progressive[72] = 0xc2;
  progressive[progressive.size() - 5] = 0;  // the scan of the DC coefficients
  Bytes turned = jpeg;                      // with EXIF data of one entry: the orientation
  const std::string exif(
      "\xff\xe1\0\x22"
      "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
      36);
  turned.insert(turned.begin() + 2, exif.begin(), exif.end());
  return {jpeg, progressive, turned};
}

std::vector<Bytes> cifar_seeds() {
  const Bytes records = ramp({}, 2 * 3073);
  return {records, gzip(records)};
}

std::vector<Bytes> csv_seeds() {
  return {bytes_of("a,b,kind\n1,2,\"x, \"\"y\"\"\"\n-3.5,1e-3,z\r\n4,5,z\n"), bytes_of("1,2\n3,4\n")};
}

// Archives of two members; checksums of headers are sums of their bytes.
std::vector<Bytes> tar_seeds() {
  std::string archive;
  for (const std::string name : {"top/a.bin", "top/b.bin"}) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    header.replace(124, 11, "00000000012");  // ten bytes
    header.replace(148, 8, 8, ' ');
    header[156] = '0';
    int sum = 0;
    for (const unsigned char c : header) sum += c;
    header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
    archive += header + "0123456789" + std::string(502, '\0');
  }
  const Bytes plain = bytes_of(archive + std::string(1024, '\0'));
  return {plain, gzip(plain)};
}

// As text, and as the data set that a file of it is.
void read_csv_with(std::span<const std::uint8_t> bytes) {
  parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, kName);
  const TempDir folder;
  const std::string path = folder.write("t.csv", bytes);
  open_csv({.path = path});
  open_csv({.path = path, .categories = "*", .missing = "mean"});
}

// A folder of two classes, one image of which is the bytes.
void read_folder_with(std::span<const std::uint8_t> bytes) {
  static const TempDir folder;
  static const Bytes good = png_seeds()[0];
  static const bool made = [] {
    for (const char* name : {"a/0.png", "a/1.png", "b/1.png"}) folder.write(name, good);
    return true;
  }();
  static_cast<void>(made);
  folder.write("b/0.png", bytes);
  open_folder({.path = folder.path(), .size = 8, .channels = 1}, {});
}

std::vector<Bytes> text_seeds() {
  return {bytes_of("To be, or not to be: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80.")};
}

ByteSourcePtr source(std::span<const std::uint8_t> bytes) { return memory_source(bytes, kName); }
std::string_view view(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> table = {
      {"idx", idx_seeds, [](std::span<const std::uint8_t> b) { read_idx(*source(b), 3); }},
      {"gzip", gzip_seeds, [](std::span<const std::uint8_t> b) { source(b)->read_all(1 << 20); }},
      {"safetensors", safetensors_seeds,
       [](std::span<const std::uint8_t> b) { read_safetensors(*source(b)); }},
      {"npy", npy_seeds, [](std::span<const std::uint8_t> b) { read_npy(*source(b)).reals(); }},
      {"png", png_seeds, [](std::span<const std::uint8_t> b) { decode_image(b, kName, 3); }},
      {"jpeg", jpeg_seeds, [](std::span<const std::uint8_t> b) { decode_image(b, kName, 1); }},
      {"cifar", cifar_seeds, [](std::span<const std::uint8_t> b) { read_cifar(*source(b), 1, 0, 10); }},
      {"cifar100", [] { return std::vector<Bytes>{ramp({}, 2 * 3074)}; },
       [](std::span<const std::uint8_t> b) { read_cifar(*source(b), 2, 1, 100); }},
      {"folder", png_seeds, read_folder_with},
      {"tar", tar_seeds,
       [](std::span<const std::uint8_t> b) {
         read_tar(*source(b), [](const std::string&, std::uint64_t) -> TarSink {
           return [](const std::uint8_t*, std::size_t) {};
         });
       }},
      {"csv", csv_seeds, read_csv_with},
      {"text", text_seeds, [](std::span<const std::uint8_t> b) { decode_utf8(view(b), kName); }},
  };
  return table;
}

const Reader& find_reader(const std::string& name) {
  for (const Reader& r : readers())
    if (name == r.name) return r;
  throw std::invalid_argument("no reader " + name);
}

bool accepts(const Reader& reader, std::span<const std::uint8_t> bytes) {
  try {
    reader.read(bytes);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

Bytes mutate(const Bytes& valid, std::uint64_t number) {
  constexpr std::uint8_t kTelling[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '[', '{', '"', ','};
  Rng rng = Rng(number).fork("mutate");
  Bytes b = valid;
  const auto at = [&](std::size_t n) {
    return static_cast<std::size_t>(rng.below(static_cast<int64>(n) + 1));
  };
  for (int64 changes = 1 + rng.below(4); changes > 0; --changes) {
    const std::size_t from = at(b.size()), length = std::min(at(16), b.size() - from);
    const auto begin = b.begin() + static_cast<std::ptrdiff_t>(from),
               end = begin + static_cast<std::ptrdiff_t>(length);
    switch (rng.below(8)) {
      case 0:
      case 1:
        if (from < b.size()) b[from] ^= static_cast<std::uint8_t>(1 << rng.below(8));
        break;
      case 2:
        if (from < b.size()) b[from] = kTelling[rng.below(std::size(kTelling))];
        break;
      case 3:
        b.erase(begin, end);
        break;
      case 4: {
        const Bytes copy(begin, end);
        b.insert(b.begin() + static_cast<std::ptrdiff_t>(at(b.size())), copy.begin(), copy.end());
        break;
      }
      case 5:
        std::generate(begin, end, [&] { return static_cast<std::uint8_t>(rng.bits32()); });
        break;
      case 6:
        b.insert(begin, at(8), static_cast<std::uint8_t>(rng.bits32()));
        break;
      case 7:
        if (rng.below(4) == 0) b.resize(from);
        break;
    }
  }
  return b;
}

}  // namespace gradus::fuzz
