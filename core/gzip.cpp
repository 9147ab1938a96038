#include "core/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"

namespace gradus {

namespace {
constexpr int kGzipWindow = 15 + 16;  // largest window, gzip wrapper
}

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(ByteSourcePtr packed) : ByteSource(packed->name()), packed_(std::move(packed)) {
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  // Deflate cannot expand beyond 1032 : 1; the window may hold output of input already consumed.
  std::uint64_t remaining_bound() const override {
    return (packed_->remaining_bound() + stream_.avail_in + sizeof(in_)) * 1032;
  }
  bool bound_is_exact() const override { return false; }

 protected:
  std::size_t read_some(void* out, std::size_t n) override {
    if (done_ || !n) return 0;
    const auto want = static_cast<uInt>(std::min<std::size_t>(n, std::numeric_limits<uInt>::max()));
    stream_.next_out = static_cast<Bytef*>(out);
    stream_.avail_out = want;
    while (stream_.avail_out == want) {
      if (!stream_.avail_in && !refill()) {
        if (in_member_) packed_->complain("expected more gzip data, but the file ends (truncated)");
        done_ = true;
        return 0;
      }
      if (!in_member_ && members_ > 0 && stream_.next_in[0] == 0) {
        expect_padding();
        done_ = true;
        return 0;
      }
      in_member_ = true;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        in_member_ = false;
        ++members_;
        inflateReset(&stream_);
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        packed_->complain(fmt::format("damaged gzip data: {}", stream_.msg ? stream_.msg : "inflate failed"));
      }
    }
    return want - stream_.avail_out;
  }

 private:
  bool refill() {
    stream_.next_in = in_.data();
    stream_.avail_in = static_cast<uInt>(packed_->read_some(in_.data(), in_.size()));
    packed_->offset_ += stream_.avail_in;
    return stream_.avail_in > 0;
  }

  // Zero bytes to the end: tapes and block devices leave them, and gzip passes over them.
  void expect_padding() {
    do {
      for (; stream_.avail_in; ++stream_.next_in, --stream_.avail_in)
        if (*stream_.next_in)
          packed_->complain("expected nothing but zero bytes behind the gzip data and its zero padding");
    } while (refill());
  }

  ByteSourcePtr packed_;
  std::array<Bytef, 1 << 16> in_;
  z_stream stream_{};
  bool in_member_ = false, done_ = false;
  std::uint64_t members_ = 0;  // ended so far
};

ByteSourcePtr gzip_source(ByteSourcePtr packed) { return std::make_unique<GzipSource>(std::move(packed)); }

std::vector<std::uint8_t> gzip(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  if (bytes.size() > std::numeric_limits<uInt>::max()) {
    deflateEnd(&stream);
    fail<UsageError>("gzip: {} bytes are more than one member takes", bytes.size());
  }
  std::vector<std::uint8_t> packed(deflateBound(&stream, static_cast<uLong>(bytes.size())));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace gradus
