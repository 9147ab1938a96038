#include "core/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/error.h"

namespace gradus {
namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0u);
    table[i] = c;
  }
  return table;
}();

// The checksum of a checksum is poor, so TFRecord stores it rotated and shifted by a constant.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8u; }

template <class T>
void append_raw(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);  // little-endian, like the machines gradus runs on
  out.append(bytes, sizeof value);
}

// Protocol buffer fields: a tag (field number and wire type), then the value.
enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
void append_varint(std::string& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
  out += static_cast<char>(v);
}
void append_tag(std::string& out, int field, Wire wire) {
  append_varint(out, static_cast<std::uint64_t>(field << 3 | wire));
}
void append_bytes(std::string& out, int field, std::string_view bytes) {
  append_tag(out, field, kBytes);
  append_varint(out, bytes.size());
  out += bytes;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string event_head(double wall_time) {
  std::string event;
  append_tag(event, 1, kFixed64);
  append_raw(event, wall_time);
  return event;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

EventWriter::EventWriter(const std::string& directory) {
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  const double start = now();
  // The name sorts by time, which is how TensorBoard orders the files of a run.
  const std::string base = fmt::format("{}/events.out.tfevents.{:010d}.{}.{}", directory,
                                       static_cast<std::int64_t>(start), host, ::getpid());
  for (int number = 0; file_ < 0; ++number) {
    path_ = fmt::format("{}.{}", base, number);
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file_ < 0 && errno != EEXIST) fail<DataError>("{}: cannot create: {}", path_, std::strerror(errno));
  }
  std::string version = event_head(start);
  append_bytes(version, 3, "brain.Event:2");
  write(version);
}

EventWriter::~EventWriter() { ::close(file_); }

void EventWriter::add(int64 step, std::span<const std::pair<std::string, double>> scalars, double wall_time) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    std::string entry;  // Summary.Value: tag 1, simple_value 2
    append_bytes(entry, 1, tag);
    append_tag(entry, 2, kFixed32);
    append_raw(entry, static_cast<float>(value));
    append_bytes(summary, 1, entry);
  }
  std::string event = event_head(wall_time < 0 ? now() : wall_time);
  append_tag(event, 2, kVarint);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  write(event);
}

void EventWriter::write(std::string_view event) {
  std::string record;
  append_raw(record, static_cast<std::uint64_t>(event.size()));
  append_raw(record, masked(crc32c(record)));
  record += event;
  append_raw(record, masked(crc32c(event)));
  // One call a record: a reader, or a run that is killed, sees whole records.
  const char* next = record.data();
  for (std::size_t left = record.size(); left;) {
    const ssize_t done = ::write(file_, next, left);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) fail<DataError>("{}: cannot write: {}", path_, std::strerror(errno));
    next += done;
    left -= static_cast<std::size_t>(done);
  }
}

}  // namespace gradus
