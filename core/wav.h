// Sounds in WAV files: RIFF with uncompressed samples.
//
// Microsoft, IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991; WAVE_FORMAT_EXTENSIBLE of 2001.
#pragma once

#include <string>
#include <vector>

#include "core/byte_source.h"
#include "core/real.h"

namespace gradus {

struct Sound {
  int64 rate = 0;                             ///< samples a second
  std::vector<std::vector<double>> channels;  ///< of equal lengths, values in [-1,1]
  int64 length() const { return channels.empty() ? 0 : static_cast<int64>(channels.front().size()); }
  /// The mean of the channels.
  std::vector<double> mono() const;
};

/// Integers of 8 (unsigned), 16, 24 and 32 bits, floats of 32 and 64. Throws DataError naming file, offset and expectation for what is
/// no such file, is truncated, has no samples or one that is not finite.
Sound read_wav(ByteSource& source);
Sound read_wav(const std::string& path);
/// 16 bits; values beyond [-1,1] are clipped. Whole or not at all. Throws DataError if it cannot be written, UsageError for channels of
/// different lengths or none.
void write_wav(const std::string& path, const Sound& sound);

}  // namespace gradus
