#include "core/jpeg_check.h"

#include <cstddef>

#include "core/error.h"

namespace gradus {
namespace {

enum JpegMarker { kProgressiveFrame = 0xc2, kHuffmanTables = 0xc4, kEndOfImage = 0xd9, kStartOfScan = 0xda };

class JpegWalk {
 public:
  JpegWalk(std::span<const std::uint8_t> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  void run() {
    for (std::size_t at = 2;;) {
      while (at + 1 < bytes_.size() && !is_marker(at)) ++at;
      if (at + 1 >= bytes_.size()) truncated();
      const int marker = bytes_[at + 1];
      if (marker == kEndOfImage) return;
      if (at + 4 > bytes_.size()) truncated();
      const std::size_t length = std::size_t{bytes_[at + 2]} << 8 | bytes_[at + 3], end = at + 2 + length;
      if (length < 2 || end > bytes_.size())
        fail<DataError>("{}: at offset {}: expected the length of a JPEG segment, found {}", name_, at + 2,
                        length);
      if (marker == kProgressiveFrame) progressive_ = true;
      if (marker == kHuffmanTables) tables(at + 4, end);
      if (marker == kStartOfScan) scan(at + 4, end);
      at = end;
    }
  }

 private:
  [[noreturn]] void truncated() const {
    fail<DataError>("{}: at offset {}: expected the JPEG end-of-image marker, but the file ends (truncated)",
                    name_, bytes_.size());
  }
  // 0xff and a byte that is no stuffing (0), no filling (0xff), no restart (0xd0 to 0xd7).
  bool is_marker(std::size_t i) const {
    return bytes_[i] == 0xff && bytes_[i + 1] && bytes_[i + 1] != 0xff && (bytes_[i + 1] & 0xf8) != 0xd0;
  }

  // Tables: class (0 DC, 1 AC) and number in one byte, 16 counts of codes by length, the values.
  void tables(std::size_t at, std::size_t end) {
    while (at != end) {
      std::size_t codes = 0, longer = 0;
      for (std::size_t i = 1; i <= 16 && at + i < end; ++i) {
        codes += bytes_[at + i];
        if (i > 9) longer += bytes_[at + i];
      }
      if (codes > 256 || at + 17 + codes > end || (codes == 256 && longer == 0))
        fail<DataError>("{}: at offset {}: expected a Huffman table of at most 256 codes, found {}{}", name_,
                        at, codes, codes == 256 && longer == 0 ? ", all of up to 9 bits" : "");
      if (bytes_[at] < 0x20) defined_[bytes_[at] >> 4][bytes_[at] & 15] = true;
      at += 17 + codes;
    }
  }

  // A scan: how many components, for each its number and tables (DC and AC in one byte), the first coefficient.
  void scan(std::size_t at, std::size_t end) const {
    const std::size_t components = at < end ? bytes_[at] : 0, first = at + 1 + 2 * components;
    if (first >= end)
      fail<DataError>("{}: at offset {}: expected a JPEG scan of {} components", name_, at, components);
    const bool dc = !progressive_ || bytes_[first] == 0, ac = !progressive_ || bytes_[first] != 0;
    for (std::size_t i = at + 2; i < first; i += 2)
      if ((dc && !defined_[0][bytes_[i] >> 4]) || (ac && !defined_[1][bytes_[i] & 15]))
        fail<DataError>("{}: at offset {}: expected Huffman tables that are defined before the JPEG scan",
                        name_, i);
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& name_;
  bool progressive_ = false;
  bool defined_[2][16] = {};  // [DC, AC][number]
};

}  // namespace

void check_jpeg(std::span<const std::uint8_t> bytes, const std::string& name) { JpegWalk(bytes, name).run(); }

}  // namespace gradus
