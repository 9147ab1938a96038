// What is refused in a JPEG before stb_image decodes it, because the decoder lets it pass.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace gradus {

/// Walks the markers of `bytes`, which open with a JPEG's signature. Throws DataError naming `name` and the offset for
/// a file without the end-of-image marker (the decoder pads what is missing with grey), and for Huffman tables with
/// which it would write or read beyond its own: of more than 256 codes, of 256 codes none of which is longer than 9
/// bits, and for a scan that uses a table which no segment before it defines.
void check_jpeg(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace gradus
