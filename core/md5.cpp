#include "core/md5.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace gradus {
namespace {

// floor(2^32 |sin(i + 1)|): far enough from integers that the last bit of the sine cannot matter.
const std::array<std::uint32_t, 64> kSines = [] {
  std::array<std::uint32_t, 64> table{};
  for (std::size_t i = 0; i < 64; ++i)
    table[i] = static_cast<std::uint32_t>(0x1p32 * std::fabs(std::sin(static_cast<double>(i + 1))));
  return table;
}();
constexpr int kTurns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

}  // namespace

void Md5::block(const std::uint8_t* bytes) {
  std::array<std::uint32_t, 16> word;
  std::memcpy(word.data(), bytes, 64);  // little-endian, like the machines gradus runs on
  auto [a, b, c, d] = state_;
  for (std::size_t i = 0; i < 64; ++i) {
    std::uint32_t f;
    std::size_t k;
    switch (i / 16) {
      case 0:
        f = (b & c) | (~b & d), k = i;
        break;
      case 1:
        f = (d & b) | (~d & c), k = (5 * i + 1) % 16;
        break;
      case 2:
        f = b ^ c ^ d, k = (3 * i + 5) % 16;
        break;
      default:
        f = c ^ (b | ~d), k = 7 * i % 16;
        break;
    }
    const std::uint32_t sum = a + f + kSines[i] + word[k];
    a = d, d = c, c = b;
    b += std::rotl(sum, kTurns[i / 16][i % 4]);
  }
  state_[0] += a, state_[1] += b, state_[2] += c, state_[3] += d;
}

void Md5::update(const void* data, std::size_t n) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  while (n) {
    const std::size_t filled = size_ % 64, take = std::min(n, 64 - filled);
    if (take == 64) {
      block(bytes);
    } else {
      std::memcpy(tail_.data() + filled, bytes, take);
      if (filled + take == 64) block(tail_.data());
    }
    size_ += take;
    bytes += take;
    n -= take;
  }
}

std::string Md5::hex() {
  const std::uint64_t bits = size_ * 8;
  const std::uint8_t mark = 0x80, zero = 0;
  update(&mark, 1);
  while (size_ % 64 != 56) update(&zero, 1);
  update(&bits, 8);
  std::string text;
  for (std::uint32_t s : state_)
    for (int i = 0; i < 4; ++i, s >>= 8) text += fmt::format("{:02x}", s & 0xff);
  return text;
}

}  // namespace gradus
