// AtomicFile: a file that is either wholly there or not at all. The bytes go to a temporary file beside it,
// which is synced to disk and then renamed over the old one; whatever happens before leaves the old one
// whole.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gradus {

class AtomicFile {
 public:
  /// Opens PATH.partial for writing. One left behind by a killed process is written over; one that another
  /// process is writing now is refused. Throws DataError (no such folder, no permission, PATH is not a
  /// regular file).
  explicit AtomicFile(std::string path);
  /// Without a commit(): removes the temporary file.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws DataError (disk full).
  void write(const void* bytes, std::size_t n);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Syncs and renames. Throws DataError.
  void commit();

 private:
  [[noreturn]] void complain(const char* doing) const;

  std::string path_, partial_;
  int file_ = -1;
};

/// Writes the whole file in one go.
void write_file(const std::string& path, std::string_view contents);

}  // namespace gradus
