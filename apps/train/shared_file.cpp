#include "apps/train/shared_file.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/error.h"

namespace gradus {

SharedFile::SharedFile(Communicator& ranks, const std::string& path_on_first) : path_(path_on_first) {
  if (ranks.alone()) return;
  std::string bytes;
  together(ranks, [&] {
    if (!ranks.first()) return;
    const ByteSourcePtr source = open_raw_file(path_);
    const ByteBuffer all = source->read_all(source->remaining_bound());
    bytes.assign(reinterpret_cast<const char*>(all.data()), all.size());
  });
  bytes = ranks.broadcast(std::move(bytes));
  together(ranks, [&] {
    if (ranks.first()) return;
    std::string name = (std::filesystem::temp_directory_path() / "gradus-XXXXXX").string();
    const int file = ::mkstemp(name.data());
    if (file < 0) fail<DataError>("{}: no temporary file can be made", name);
    ::close(file);
    path_ = name, temporary_ = true;
    write_file(path_, bytes);
  });
}

SharedFile::~SharedFile() {
  std::error_code ignored;
  if (temporary_) std::filesystem::remove(path_, ignored);
}

}  // namespace gradus
