// MD5 (Rivest, RFC 1321): the checksum by which the sources of data sets announce their files. It finds
// damage, it does not keep out an attacker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gradus {

class Md5 {
 public:
  void update(const void* bytes, std::size_t n);
  /// The sum of everything so far as 32 hexadecimal digits. Ends the computation.
  std::string hex();

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 4> state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  std::array<std::uint8_t, 64> tail_{};
  std::uint64_t size_ = 0;
};

}  // namespace gradus
