// tar archives (POSIX ustar), as far as data sets need them: taking out regular files.
#pragma once

#include <functional>
#include <string>

#include "core/byte_source.h"

namespace gradus {

/// Calls `member(name, size)` for each regular file, in order. Where it returns a sink, the file's bytes are
/// passed to it in pieces; where it returns an empty function, they are passed over. Throws DataError for a
/// header whose checksum is wrong and for an archive that ends early.
using TarSink = std::function<void(const std::uint8_t* bytes, std::size_t n)>;
void read_tar(ByteSource& source,
              const std::function<TarSink(const std::string& name, std::uint64_t size)>& member);

}  // namespace gradus
