// ByteSource: where file readers get their bytes, with the name and the offset every complaint needs. A
// reader written against it takes a plain file, a gzip file or a buffer in memory, and can never be made to
// allocate more than the input could hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Owned bytes, not zeroed on creation.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  explicit ByteBuffer(std::size_t size);
  std::uint8_t* data() { return data_.get(); }
  const std::uint8_t* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::span<const std::uint8_t> span() const { return {data(), size_}; }
  /// Forgets the bytes from n on.
  void truncate(std::size_t n) { size_ = n < size_ ? n : size_; }

 private:
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<std::uint8_t[], Free> data_;
  std::size_t size_ = 0;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// The file's path, for messages.
  const std::string& name() const { return name_; }
  /// Bytes read so far (of the unpacked contents).
  std::uint64_t offset() const { return offset_; }
  /// No more than this many bytes can still come.
  virtual std::uint64_t remaining_bound() const = 0;
  /// True if just that many come.
  virtual bool bound_is_exact() const { return true; }

  /// Reads exactly n bytes. `what` names them in messages ("the header"). Throws DataError naming the file,
  /// the offset and what was expected if the file ends before.
  void read(void* out, std::size_t n, const char* what);
  /// The next n bytes; allocates only what the input can hold. Throws DataError like read().
  ByteBuffer read(std::uint64_t n, const char* what);
  /// Everything to the end. Throws DataError if that is more than `limit` bytes.
  ByteBuffer read_all(std::uint64_t limit);
  /// Big- and little-endian integers.
  std::uint32_t read_u32_be(const char* what);
  std::uint64_t read_u64_le(const char* what);
  /// Throws DataError if bytes are left.
  void expect_end(const char* what);
  /// Throws DataError "FILE: at offset N: MESSAGE" with the present offset.
  [[noreturn]] void complain(const std::string& message) const;

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  /// Up to n bytes; 0 only at the end.
  virtual std::size_t read_some(void* out, std::size_t n) = 0;

 private:
  friend class GzipSource;
  std::string name_;
  std::uint64_t offset_ = 0;
};

using ByteSourcePtr = std::unique_ptr<ByteSource>;

/// A file, unpacked on the way if its contents are gzip (known by the first two bytes, not by the name).
/// Throws DataError if it cannot be opened or is a directory.
ByteSourcePtr open_file(const std::string& path);
/// A file as it lies there, packed or not.
ByteSourcePtr open_raw_file(const std::string& path);
/// Bytes in memory, which must outlive the source; unpacked likewise if they are gzip.
ByteSourcePtr memory_source(std::span<const std::uint8_t> bytes, std::string name);
/// The whole contents of a file as text. Throws DataError.
std::string read_text_file(const std::string& path, std::uint64_t limit = std::uint64_t{1} << 32);

}  // namespace gradus
