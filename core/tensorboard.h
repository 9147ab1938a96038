// TensorBoard event files: scalars over steps that TensorBoard shows. A file is a sequence of TFRecords
// (length, masked CRC-32C of the length, bytes, masked CRC-32C of the bytes), each holding one Event message
// in protocol buffer form (tensorflow/core/util/event.proto: wall_time 1, step 2, file_version 3, summary 5).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/real.h"

namespace gradus {

/// CRC-32C (Castagnoli, polynomial 0x1edc6f41, reflected).
std::uint32_t crc32c(std::string_view bytes);

class EventWriter {
 public:
  /// Creates DIRECTORY/events.out.tfevents.SECONDS.HOST.PROCESS, with a number behind it if there is one
  /// already, so a resumed run adds a file that TensorBoard reads after the first. Throws DataError.
  explicit EventWriter(const std::string& directory);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  /// Appends the scalars of one step; `wall_time` in seconds since 1970, negative: now. Throws DataError
  /// (disk full).
  void add(int64 step, std::span<const std::pair<std::string, double>> scalars, double wall_time = -1);
  const std::string& path() const { return path_; }

 private:
  void write(std::string_view event);

  std::string path_;
  int file_ = -1;
};

}  // namespace gradus
