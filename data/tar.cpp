#include "data/tar.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"

namespace gradus {
namespace {

constexpr std::size_t kBlock = 512;
using Block = std::array<std::uint8_t, kBlock>;

// An octal field, as tar writes numbers.
std::uint64_t octal(const ByteSource& source, const Block& header, std::size_t at, std::size_t length) {
  std::uint64_t value = 0;
  bool digits = false;
  for (std::size_t i = at; i < at + length; ++i) {
    const std::uint8_t c = header[i];
    if (c >= '0' && c <= '7') {
      value = value * 8 + (c - '0');
      digits = true;
    } else if ((c == ' ' || c == 0) && digits) {
      break;
    } else if (c != ' ') {
      source.complain("expected an octal number in a tar header");
    }
  }
  return value;
}

std::string text(const Block& header, std::size_t at, std::size_t length) {
  const char* begin = reinterpret_cast<const char*>(header.data()) + at;
  return {begin, std::find(begin, begin + length, '\0')};
}

void check_sum(const ByteSource& source, const Block& header) {
  constexpr std::size_t kAt = 148, kLength = 8;
  std::uint64_t sum = 0;  // the field itself counts as blanks
  for (std::size_t i = 0; i < kBlock; ++i) sum += i >= kAt && i < kAt + kLength ? ' ' : header[i];
  if (octal(source, header, kAt, kLength) != sum)
    source.complain("expected a tar header in front of here, but its checksum is wrong");
}

}  // namespace

void read_tar(ByteSource& source, const std::function<TarSink(const std::string&, std::uint64_t)>& member) {
  for (;;) {
    Block block;
    source.read(block.data(), kBlock, "a tar header");
    if (std::all_of(block.begin(), block.end(), [](std::uint8_t b) { return b == 0; }))
      return;  // the end mark
    check_sum(source, block);
    const std::uint64_t size = octal(source, block, 124, 12);
    const char type = static_cast<char>(block[156]);
    const bool regular = type == '0' || type == '\0';
    const TarSink sink = regular ? member(text(block, 0, 100), size) : TarSink{};
    for (std::uint64_t left = size; left;) {
      source.read(block.data(), kBlock, "the contents of a file in a tar archive");
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left, kBlock));
      if (sink) sink(block.data(), part);
      left -= part;
    }
  }
}

}  // namespace gradus
