#include "core/npz.h"

#include <zlib.h>

#include <limits>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/npy.h"

namespace gradus {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50, kDirectoryEnd = 0x06054b50;
constexpr std::uint16_t kVersion = 20, kStored = 0, kUtf8Names = 1 << 11;
constexpr std::uint16_t kTime = 0,
                        kDate = 1 << 5 | 1;  // 1 January 1980: the bytes do not depend on the clock
constexpr std::uint64_t kMostBytes = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMostEntries = std::numeric_limits<std::uint16_t>::max();

void append16(std::string& out, std::uint64_t v) {
  out += static_cast<char>(v & 0xff);
  out += static_cast<char>(v >> 8 & 0xff);
}
void append32(std::string& out, std::uint64_t v) { append16(out, v & 0xffff), append16(out, v >> 16); }

class ZipWriter {
 public:
  explicit ZipWriter(const std::string& path) : path_(path), file_(path) {}

  void add(const std::string& name, const std::string& contents) {
    if (!names_.insert(name).second) fail<UsageError>("{}: the name '{}' is used twice", path_, name);
    if (names_.size() > kMostEntries ||
        at_ + contents.size() + directory_.size() + 2 * name.size() + 1024 > kMostBytes)
      fail<UsageError>("{}: npz files hold at most 65535 arrays and 4 GiB; use safetensors", path_);
    const std::uint64_t offset = at_;
    const std::string described = entry(name, contents);
    std::string head;
    append32(head, kLocalHeader);
    append16(head, kVersion);
    put(head + described + name);
    put(contents);

    append32(directory_, kDirectoryEntry);
    append16(directory_, kVersion);  // made by
    append16(directory_, kVersion);  // needed to read
    directory_ += described;
    append16(directory_, 0);  // length of the comment
    append16(directory_, 0);  // disk
    append16(directory_, 0);  // internal attributes
    append32(directory_, 0);  // external attributes
    append32(directory_, offset);
    directory_ += name;
  }

  void finish() {
    std::string end;
    append32(end, kDirectoryEnd);
    append32(end, 0);  // disks
    append16(end, names_.size());
    append16(end, names_.size());
    append32(end, directory_.size());
    append32(end, at_);
    append16(end, 0);  // length of the comment
    put(directory_ + end);
    file_.commit();
  }

 private:
  // What local header and directory entry have in common, from the flags to the length of the extra field.
  static std::string entry(const std::string& name, const std::string& contents) {
    std::string out;
    append16(out, kUtf8Names);
    append16(out, kStored);
    append16(out, kTime);
    append16(out, kDate);
    append32(out, ::crc32_z(0, reinterpret_cast<const Bytef*>(contents.data()), contents.size()));
    append32(out, contents.size());  // packed
    append32(out, contents.size());
    append16(out, name.size());
    append16(out, 0);
    return out;
  }
  void put(const std::string& bytes) {
    file_.write(bytes);
    at_ += bytes.size();
  }

  std::string path_;
  AtomicFile file_;
  std::uint64_t at_ = 0;
  std::string directory_;
  std::set<std::string> names_;
};

}  // namespace

void write_npz(const std::string& path, const TensorFile& file) {
  ZipWriter zip(path);
  for (const auto& [name, tensor] : file.tensors) zip.add(name + ".npy", npy_bytes(tensor));
  for (const auto& [name, tensor] : file.integers) zip.add(name + ".npy", npy_bytes(tensor));
  zip.finish();
}

}  // namespace gradus
