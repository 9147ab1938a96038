// Decoded pixels kept on the disk, so that a folder of photographs is decoded once and not at every start.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/byte_source.h"

namespace gradus {

/// `make()`'s bytes, or, where `folder` holds those of an earlier call with the same key, these. `key`: everything the bytes depend
/// on. A file of another length or with a wrong sum counts as absent. folder "": make() alone. Throws DataError if the folder cannot be
/// made or written.
ByteBuffer cached_pixels(const std::string& folder, const std::string& key, std::size_t length,
                         const std::function<ByteBuffer()>& make);

}  // namespace gradus
