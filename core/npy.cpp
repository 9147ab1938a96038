#include "core/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/atomic_file.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kMaxHeader = 1 << 16;

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64> dims;
};

// Reads the header's dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class HeaderParser {
 public:
  HeaderParser(const std::string& text, const ByteSource& source)
      : rest_(text), size_(text.size()), source_(source) {}

  Header parse() {
    Header h;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = word();
      expect(':');
      if (key == "descr" && !descr) {
        h.descr = word();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        h.fortran = flag();
        order = true;
      } else if (key == "shape" && !shape) {
        h.dims = tuple();
        shape = true;
      } else {
        complain("the keys descr, fortran_order and shape, once each");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (!rest_.empty()) complain("nothing but blanks behind the dictionary");
    if (!descr || !order || !shape) complain("the keys descr, fortran_order and shape");
    return h;
  }

 private:
  [[noreturn]] void complain(const char* expected) const {
    fail<DataError>("{}: in the npy header, {} bytes into the dictionary: expected {}", source_.name(),
                    size_ - rest_.size(), expected);
  }
  void skip() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    const char text[] = {'\'', c, '\'', 0};
    if (!take(c)) complain(text);
  }
  std::string word() {
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"' && !take('"')) complain("a quoted word");
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) complain("a closing quote");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool flag() {
    skip();
    for (const std::string_view text : {"True", "False"})
      if (rest_.starts_with(text)) {
        rest_.remove_prefix(text.size());
        return text == "True";
      }
    complain("True or False");
  }
  std::vector<int64> tuple() {
    std::vector<int64> list;
    expect('(');
    while (!take(')')) {
      skip();
      int64 value = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc() || value < 0) complain("a non-negative integer");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      if (rest_.starts_with('L')) rest_.remove_prefix(1);  // a long integer of Python 2
      list.push_back(value);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return list;
  }

  std::string_view rest_;
  std::size_t size_;
  const ByteSource& source_;
};

// '<f4' and the like; sets `swap` for big-endian elements.
ElementType parse_descr(const ByteSource& source, const std::string& descr, bool& swap) {
  struct Known {
    std::string_view code;
    ElementType type;
  };
  static constexpr Known kKnown[] = {
      {"f2", ElementType::kF16},  {"f4", ElementType::kF32}, {"f8", ElementType::kF64},
      {"b1", ElementType::kBool}, {"u1", ElementType::kU8},  {"i1", ElementType::kI8},
      {"u2", ElementType::kU16},  {"i2", ElementType::kI16}, {"u4", ElementType::kU32},
      {"i4", ElementType::kI32},  {"i8", ElementType::kI64}};
  if (descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos)
    for (const Known& k : kKnown)
      if (std::string_view(descr).substr(1) == k.code) {
        swap = descr[0] == '>';
        return k.type;
      }
  fail<DataError>(
      "{}: in the npy header: element type '{}' is not one that can be read (f2 f4 f8 b1 i1 i2 i4 i8 u1 u2 "
      "u4)",
      source.name(), descr);
}

void swap_bytes(ByteBuffer& bytes, std::size_t size) {
  for (std::size_t i = 0; i + size <= bytes.size(); i += size)
    std::reverse(bytes.data() + i, bytes.data() + i + size);
}

// Column-major elements put in row-major order.
ByteBuffer from_fortran(const ByteBuffer& in, const Shape& shape, std::size_t size) {
  ByteBuffer out(in.size());
  std::vector<int64> index(static_cast<std::size_t>(shape.rank()), 0);
  for (int64 k = 0; k < shape.numel(); ++k) {
    int64 to = 0;
    for (int a = 0; a < shape.rank(); ++a) to += index[static_cast<std::size_t>(a)] * shape.stride(a);
    std::memcpy(out.data() + static_cast<std::size_t>(to) * size,
                in.data() + static_cast<std::size_t>(k) * size, size);
    for (int a = 0; a < shape.rank() && ++index[static_cast<std::size_t>(a)] == shape[a]; ++a)
      index[static_cast<std::size_t>(a)] = 0;
  }
  return out;
}

std::string file_bytes(const char* descr, const Shape& shape, const void* data, std::size_t size) {
  std::string dims;
  for (int64 d : shape) dims += fmt::format("{},{}", d, shape.rank() == 1 ? "" : " ");
  if (shape.rank() > 1) dims.resize(dims.size() - 2);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, dims);
  constexpr std::size_t kFront = 10,
                        kAlign = 64;  // magic, version and length; elements begin at a multiple of 64
  header.append((kAlign - (kFront + header.size() + 1) % kAlign) % kAlign, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  if (size) bytes.append(static_cast<const char*>(data), size);
  return bytes;
}

}  // namespace

Tensor NpyArray::reals() const {
  Tensor t(shape);
  convert_elements(type, bytes.data(), shape.numel(), t.mutable_data());
  return t;
}

IntTensor NpyArray::integers() const {
  if (is_real(type)) fail<DataError>("expected an array of integers, found {}", element_name(type));
  IntTensor t(shape);
  convert_elements(type, bytes.data(), shape.numel(), t.mutable_data());
  return t;
}

NpyArray read_npy(ByteSource& source) {
  char magic[8];
  source.read(magic, sizeof magic, "the npy magic string and version");
  if (std::string_view(magic, 6) != kMagic)
    fail<DataError>("{}: at offset 0: expected the npy magic string \\x93NUMPY", source.name());
  const int version = magic[6];
  if (version < 1 || version > 3)
    fail<DataError>("{}: at offset 6: expected npy version 1, 2 or 3, found {}", source.name(), version);
  std::uint8_t length_bytes[4] = {};
  source.read(length_bytes, version == 1 ? 2 : 4, "the length of the npy header");
  const std::size_t length = length_bytes[0] | std::size_t{length_bytes[1]} << 8 |
                             std::size_t{length_bytes[2]} << 16 | std::size_t{length_bytes[3]} << 24;
  if (length > kMaxHeader)
    fail<DataError>("{}: at offset 8: expected an npy header of at most {} bytes, found {}", source.name(),
                    kMaxHeader, length);
  const ByteBuffer text = source.read(length, "the npy header");
  const Header header = HeaderParser({text.data(), text.data() + text.size()}, source).parse();

  NpyArray array;
  bool swap = false;
  array.type = parse_descr(source, header.descr, swap);
  const std::size_t size = element_size(array.type);
  try {
    array.shape = Shape(header.dims);
  } catch (const ShapeError& error) {
    fail<DataError>("{}: in the npy header: {}", source.name(), error.what());
  }
  const auto numel = static_cast<std::uint64_t>(array.shape.numel());
  if (numel > source.remaining_bound() / size)
    source.complain(fmt::format("shape {} asks for more elements than the file can hold", array.shape.str()));
  array.bytes = source.read(numel * size, "the npy elements");
  source.expect_end("the npy elements");
  if (swap) swap_bytes(array.bytes, size);
  if (header.fortran && array.shape.rank() > 1) array.bytes = from_fortran(array.bytes, array.shape, size);
  return array;
}

NpyArray read_npy(const std::string& path) { return read_npy(*open_file(path)); }

std::string npy_bytes(const Tensor& t) {
  return file_bytes(sizeof(real) == 4 ? "<f4" : "<f8", t.shape(), t.data(),
                    static_cast<std::size_t>(t.numel()) * sizeof(real));
}
std::string npy_bytes(const IntTensor& t) {
  return file_bytes("<i8", t.shape(), t.data(), static_cast<std::size_t>(t.numel()) * sizeof(int64));
}
void write_npy(const std::string& path, const Tensor& t) { write_file(path, npy_bytes(t)); }
void write_npy(const std::string& path, const IntTensor& t) { write_file(path, npy_bytes(t)); }

}  // namespace gradus
