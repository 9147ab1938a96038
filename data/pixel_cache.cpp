#include "data/pixel_cache.h"

#include <cstring>
#include <filesystem>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/md5.h"

namespace gradus {
namespace {

constexpr std::string_view kCacheFormat = "gradus-pixels-1\n";
constexpr std::size_t kDigits = 32;  // of an MD5

std::string digest_of(const void* bytes, std::size_t n) {
  Md5 sum;
  sum.update(bytes, n);
  return sum.hex();
}

// The bytes of the file, if it is whole: format, sum, bytes.
bool read_cache(const std::string& path, std::size_t length, ByteBuffer& out) {
  std::error_code error;
  const std::size_t head = kCacheFormat.size() + kDigits;
  if (std::filesystem::file_size(path, error) != head + length || error) return false;
  const ByteSourcePtr source = open_raw_file(path);
  const ByteBuffer title = source->read(head, "the head of cached pixels");
  if (std::memcmp(title.data(), kCacheFormat.data(), kCacheFormat.size()) != 0) return false;
  out = source->read(length, "cached pixels");
  return digest_of(out.data(), length) ==
         std::string(reinterpret_cast<const char*>(title.data()) + kCacheFormat.size(), kDigits);
}

}  // namespace

ByteBuffer cached_pixels(const std::string& folder, const std::string& key, std::size_t length,
                         const std::function<ByteBuffer()>& make) {
  if (folder.empty()) return make();
  const std::string path = folder + "/" + digest_of(key.data(), key.size()) + ".pixels";
  ByteBuffer bytes;
  if (read_cache(path, length, bytes)) return bytes;
  bytes = make();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail<DataError>("{}: cannot make the folder for decoded images: {}", folder, error.message());
  AtomicFile file(path);
  file.write(kCacheFormat);
  file.write(digest_of(bytes.data(), bytes.size()));
  file.write(bytes.data(), bytes.size());
  file.commit();
  return bytes;
}

}  // namespace gradus
