#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"

namespace gradus {
namespace {

// A rename is on disk only when its directory is. File systems that cannot sync a directory say EINVAL.
void sync_directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const int directory = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  ::fsync(directory);
  ::close(directory);
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    fail<DataError>("{}: cannot write: there is something that is not a regular file", path_);
  for (;;) {
    file_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file_ < 0) fail<DataError>("{}: cannot create: {}", partial_, std::strerror(errno));
    struct stat here {
    }, there{};
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      ::close(file_);
      fail<DataError>("{}: another process is writing it", partial_);
    }
    // Whoever held the lock before may have renamed the file away in between.
    if (::fstat(file_, &here) == 0 && ::stat(partial_.c_str(), &there) == 0 && here.st_ino == there.st_ino &&
        here.st_dev == there.st_dev)
      break;
    ::close(file_);
  }
  if (::ftruncate(file_, 0) != 0) {
    const int error = errno;
    ::close(file_);
    fail<DataError>("{}: cannot truncate: {}", partial_, std::strerror(error));
  }
}

AtomicFile::~AtomicFile() {
  if (file_ < 0) return;
  ::unlink(partial_.c_str());
  ::close(file_);
}

void AtomicFile::complain(const char* doing) const {
  fail<DataError>("{}: cannot {}: {} (what was there before is unchanged)", path_, doing,
                  std::strerror(errno));
}

void AtomicFile::write(const void* bytes, std::size_t n) {
  const char* next = static_cast<const char*>(bytes);
  while (n) {
    const ssize_t done = ::write(file_, next, std::min<std::size_t>(n, 1 << 30));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) complain("write");
    next += done;
    n -= static_cast<std::size_t>(done);
  }
}

void AtomicFile::commit() {
  if (::fsync(file_) != 0) complain("sync to disk");
  if (::rename(partial_.c_str(), path_.c_str()) != 0) complain("rename into place");
  ::close(file_);
  file_ = -1;
  sync_directory_of(path_);
}

void write_file(const std::string& path, std::string_view contents) {
  AtomicFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace gradus
