#include "core/byte_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "core/error.h"
#include "core/gzip.h"

namespace gradus {
namespace {

class FileSource : public ByteSource {
 public:
  explicit FileSource(const std::string& path) : ByteSource(path) {
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) fail<DataError>("{}: cannot open: {}", path, std::strerror(errno));
    struct stat status {};
    if (::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(file_);
      fail<DataError>("{}: not a regular file", path);
    }
    remaining_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~FileSource() override { ::close(file_); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t remaining_bound() const override { return remaining_; }

 protected:
  std::size_t read_some(void* out, std::size_t n) override {
    for (;;) {
      const ssize_t got = ::read(file_, out, n);
      if (got >= 0) {
        const auto bytes = static_cast<std::size_t>(got);
        remaining_ -= std::min<std::uint64_t>(remaining_, bytes);
        return bytes;
      }
      if (errno != EINTR) fail<DataError>("{}: cannot read: {}", name(), std::strerror(errno));
    }
  }

 private:
  int file_;
  std::uint64_t remaining_;
};

class MemorySource : public ByteSource {
 public:
  MemorySource(std::span<const std::uint8_t> bytes, std::string name)
      : ByteSource(std::move(name)), bytes_(bytes) {}
  std::uint64_t remaining_bound() const override { return bytes_.size(); }

 protected:
  std::size_t read_some(void* out, std::size_t n) override {
    n = std::min(n, bytes_.size());
    if (n) std::memcpy(out, bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return n;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

bool is_gzip(const std::uint8_t* head) { return head[0] == 0x1f && head[1] == 0x8b; }

}  // namespace

void ByteSource::complain(const std::string& message) const {
  fail<DataError>("{}: at offset {}: {}", name_, offset_, message);
}

void ByteSource::read(void* out, std::size_t n, const char* what) {
  std::size_t done = 0;
  const std::uint64_t start = offset_;
  while (done < n) {
    const std::size_t got = read_some(static_cast<char*>(out) + done, n - done);
    if (!got)
      fail<DataError>("{}: at offset {}: expected {} ({} bytes), but the file ends after {} of them", name_,
                      start, what, n, done);
    done += got;
    offset_ += got;
  }
}

// Large ones on huge pages: images are read in random order, and with small pages each would wait for its address.
ByteBuffer::ByteBuffer(std::size_t size) : size_(size) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  void* block = nullptr;
  if (size < kHugePage)
    block = std::malloc(std::max<std::size_t>(1, size));
  else if (posix_memalign(&block, kHugePage, size) == 0)
    madvise(block, size, MADV_HUGEPAGE);
  else
    block = nullptr;
  if (!block) throw std::bad_alloc();
  data_.reset(static_cast<std::uint8_t*>(block));
}

ByteBuffer ByteSource::read(std::uint64_t n, const char* what) {
  if (n > remaining_bound())
    complain(fmt::format("expected {} ({} bytes), but at most {} are left", what, n, remaining_bound()));
  ByteBuffer buffer(static_cast<std::size_t>(n));
  read(buffer.data(), buffer.size(), what);
  return buffer;
}

ByteBuffer ByteSource::read_all(std::uint64_t limit) {
  // One byte more than may come, so that the end shows without growing.
  const std::uint64_t first = bound_is_exact() ? remaining_bound() : 1 << 20;
  ByteBuffer all(static_cast<std::size_t>(std::min(limit, first) + 1));
  std::size_t size = 0;
  while (const std::size_t got = read_some(all.data() + size, all.size() - size)) {
    size += got;
    offset_ += got;
    if (size > limit) complain(fmt::format("expected at most {} bytes", limit));
    if (size == all.size()) {
      ByteBuffer larger(
          static_cast<std::size_t>(std::min<std::uint64_t>(limit + 1, 2 * std::uint64_t{size})));
      std::memcpy(larger.data(), all.data(), size);
      all = std::move(larger);
    }
  }
  all.truncate(size);
  return all;
}

std::uint32_t ByteSource::read_u32_be(const char* what) {
  std::uint8_t b[4];
  read(b, sizeof b, what);
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

std::uint64_t ByteSource::read_u64_le(const char* what) {
  std::uint8_t b[8];
  read(b, sizeof b, what);
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | b[i];
  return value;
}

void ByteSource::expect_end(const char* what) {
  std::uint8_t byte;
  if (read_some(&byte, 1))
    complain(fmt::format("expected the end of the file behind {}, but there is more", what));
}

ByteSourcePtr open_file(const std::string& path) {
  std::uint8_t head[2] = {};
  auto file = std::make_unique<FileSource>(path);
  if (file->remaining_bound() < 2) return file;
  file->read(head, 2, "the first two bytes");
  file = std::make_unique<FileSource>(path);
  if (is_gzip(head)) return gzip_source(std::move(file));
  return file;
}

ByteSourcePtr open_raw_file(const std::string& path) { return std::make_unique<FileSource>(path); }

ByteSourcePtr memory_source(std::span<const std::uint8_t> bytes, std::string name) {
  const bool packed = bytes.size() >= 2 && is_gzip(bytes.data());
  auto source = std::make_unique<MemorySource>(bytes, std::move(name));
  if (packed) return gzip_source(std::move(source));
  return source;
}

std::string read_text_file(const std::string& path, std::uint64_t limit) {
  const ByteBuffer bytes = open_file(path)->read_all(limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace gradus
