#include "core/wav.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr std::uint64_t kMostWavBytes = std::uint64_t{1} << 31;

std::uint64_t little(const std::uint8_t* bytes, int count) {
  std::uint64_t v = 0;
  for (int i = count - 1; i >= 0; --i) v = v << 8 | bytes[i];
  return v;
}

struct SampleFormat {
  std::uint64_t tag = 0, channels = 0, rate = 0, bits = 0;
  std::size_t bytes() const { return bits / 8; }
};

double sample_value(const std::uint8_t* at, const SampleFormat& f) {
  const std::uint64_t raw = little(at, static_cast<int>(f.bytes()));
  if (f.tag == 3)
    return f.bits == 32 ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(raw)))
                        : std::bit_cast<double>(raw);
  if (f.bits == 8) return (static_cast<double>(raw) - 128) / 128;
  const auto top = static_cast<int>(f.bits);
  const auto value = static_cast<std::int64_t>(raw << (64 - top)) >> (64 - top);  // the sign goes up
  return static_cast<double>(value) / std::ldexp(1.0, top - 1);
}

}  // namespace

std::vector<double> Sound::mono() const {
  std::vector<double> mean(static_cast<size_t>(length()));
  for (const std::vector<double>& c : channels)
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += c[i] / static_cast<double>(channels.size());
  return mean;
}

Sound read_wav(ByteSource& source) {
  std::uint8_t head[12];
  source.read(head, sizeof head, "the header of a WAV file");
  if (std::memcmp(head, "RIFF", 4) != 0 || std::memcmp(head + 8, "WAVE", 4) != 0)
    fail<DataError>("{}: expected a WAV file, which begins with RIFF....WAVE", source.name());
  SampleFormat format;
  for (;;) {
    std::uint8_t chunk[8];
    source.read(chunk, sizeof chunk, "a chunk's header (no samples were found before it)");
    const std::uint64_t size = little(chunk + 4, 4);
    const bool samples = std::memcmp(chunk, "data", 4) == 0;
    if (samples && format.channels == 0)
      fail<DataError>("{}: at byte {}: samples come before their format", source.name(), source.offset());
    if (samples && size % (format.channels * format.bytes()) != 0)
      fail<DataError>("{}: at byte {}: {} bytes of samples are no whole number of {} channels of {} bits",
                      source.name(), source.offset(), size, format.channels, format.bits);
    const std::uint64_t padded = size + (samples ? 0 : size % 2);
    if (padded > kMostWavBytes)
      fail<DataError>("{}: at byte {}: a chunk of {} bytes", source.name(), source.offset(), padded);
    const ByteBuffer body = source.read(padded, samples ? "the samples" : "a chunk");
    if (std::memcmp(chunk, "fmt ", 4) == 0) {
      if (size < 16)
        fail<DataError>("{}: the format has {} bytes, expected 16 at least", source.name(), size);
      const std::uint8_t* b = body.data();
      format = {little(b, 2), little(b + 2, 2), little(b + 4, 4), little(b + 14, 2)};
      if (format.tag == 0xFFFE && size >= 40)
        format.tag = little(b + 24, 2);  // extensible: the first of its GUID
      const bool integers = format.tag == 1 &&
                            (format.bits == 8 || format.bits == 16 || format.bits == 24 || format.bits == 32),
                 floats = format.tag == 3 && (format.bits == 32 || format.bits == 64);
      if (!integers && !floats)
        fail<DataError>(
            "{}: samples of format {} with {} bits; expected integers (1) or floats (3) uncompressed",
            source.name(), format.tag, format.bits);
      if (format.channels < 1 || format.channels > 64 || format.rate < 1 || format.rate > 1000000)
        fail<DataError>("{}: {} channels at {} samples a second", source.name(), format.channels,
                        format.rate);
    }
    if (!samples) continue;
    if (size == 0) fail<DataError>("{}: no samples", source.name());
    Sound sound;
    sound.rate = static_cast<int64>(format.rate);
    sound.channels.resize(format.channels);
    const std::size_t frames = size / (format.channels * format.bytes());
    for (std::size_t i = 0; i < frames; ++i)
      for (std::size_t c = 0; c < format.channels; ++c) {
        const double v = sample_value(body.data() + (i * format.channels + c) * format.bytes(), format);
        if (!std::isfinite(v)) fail<DataError>("{}: sample {} is {}", source.name(), i, v);
        sound.channels[c].push_back(v);
      }
    return sound;
  }
}

Sound read_wav(const std::string& path) { return read_wav(*open_file(path)); }

void write_wav(const std::string& path, const Sound& sound) {
  if (sound.channels.empty() || sound.channels.size() > 64 || sound.rate < 1)
    fail<UsageError>("{}: {} channels at {} samples a second", path, sound.channels.size(), sound.rate);
  for (const std::vector<double>& c : sound.channels)
    if (c.size() != sound.channels.front().size())
      fail<UsageError>("{}: channels of {} and {} samples", path, sound.channels.front().size(), c.size());
  const std::uint64_t channels = sound.channels.size(), frame = 2 * channels,
                      bytes = frame * static_cast<std::uint64_t>(sound.length());
  std::string out;
  const auto put = [&](std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  out += "RIFF", put(36 + bytes, 4), out += "WAVEfmt ";
  put(16, 4), put(1, 2), put(channels, 2), put(static_cast<std::uint64_t>(sound.rate), 4);
  put(static_cast<std::uint64_t>(sound.rate) * frame, 4), put(frame, 2), put(16, 2);
  out += "data", put(bytes, 4);
  for (int64 i = 0; i < sound.length(); ++i)
    for (const std::vector<double>& c : sound.channels) {
      const double v = std::clamp(c[static_cast<size_t>(i)], -1.0, 32767.0 / 32768);
      put(static_cast<std::uint64_t>(std::lround(v * 32768)), 2);
    }
  write_file(path, out);
}

}  // namespace gradus
