// One download by the curl program.
#pragma once

#include <string>

namespace gradus {

struct DownloadResult {
  int code = 0;         ///< curl's exit code; 0 success
  std::string message;  ///< what curl said
  /// The connection broke off: what has arrived is good and can be continued.
  bool broken_off() const;
};

/// Downloads `url` (http, https or file) to `path`, going on where an earlier download stopped. Throws
/// DataError if curl cannot be run.
DownloadResult download(const std::string& url, const std::string& path);

}  // namespace gradus
