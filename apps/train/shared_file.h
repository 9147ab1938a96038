// A file of rank 0, for all ranks: their machines may share no disk.
#pragma once

#include <string>

#include "core/communicator.h"

namespace gradus {

/// While alive, the file's bytes lie at path() on every rank: on rank 0 where they are, elsewhere in a temporary file.
class SharedFile {
 public:
  /// Throws DataError, on all ranks, where it cannot be read or written.
  SharedFile(Communicator& ranks, const std::string& path_on_first);
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool temporary_ = false;
};

}  // namespace gradus
