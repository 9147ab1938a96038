// gzip files (RFC 1952) through zlib.
#pragma once

#include <span>
#include <vector>

#include "core/byte_source.h"

namespace gradus {

/// The unpacked contents of `packed` (one or more gzip members one after the other). Damaged data, a wrong
/// checksum or a missing end are DataErrors naming the file and the offset in the packed file.
ByteSourcePtr gzip_source(ByteSourcePtr packed);
/// `bytes` as one gzip member (no name, no time: equal input gives equal output).
std::vector<std::uint8_t> gzip(std::span<const std::uint8_t> bytes);

}  // namespace gradus
