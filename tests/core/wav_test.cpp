// WAV files: bytes by hand, every sample format, what is refused.
#include "core/wav.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace gradus::wav_tests {

using Bytes = std::vector<std::uint8_t>;
void put(Bytes& b, std::uint64_t v, int count) {
  for (int i = 0; i < count; ++i) b.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}
void text(Bytes& b, const char* s) { b.insert(b.end(), s, s + 4); }
// A file with these samples' bytes.
Bytes wav(int tag, int channels, int bits, const Bytes& samples) {
  Bytes b;
  text(b, "RIFF"), put(b, 36 + samples.size(), 4), text(b, "WAVE");
  text(b, "LIST"), put(b, 3, 4), put(b, 0, 4);  // a chunk of odd length, padded
  text(b, "fmt "), put(b, 16, 4), put(b, static_cast<std::uint64_t>(tag), 2),
      put(b, static_cast<std::uint64_t>(channels), 2);
  put(b, 8000, 4), put(b, 0, 4), put(b, 0, 2), put(b, static_cast<std::uint64_t>(bits), 2);
  text(b, "data"), put(b, samples.size(), 4);
  b.insert(b.end(), samples.begin(), samples.end());
  return b;
}
Sound read(const Bytes& bytes) { return read_wav(*memory_source(bytes, "a.wav")); }

}  // namespace gradus::wav_tests
using namespace gradus::wav_tests;

TEST_CASE("wav: integers of every width and floats, by hand") {
  CHECK(read(wav(1, 1, 8, {128, 0, 192})).channels[0] == std::vector<double>{0, -1, 0.5});
  const Sound two = read(wav(1, 2, 16, {0x00, 0x40, 0x00, 0x80, 0x01, 0x00, 0xFF, 0xFF}));
  CHECK(two.rate == 8000);
  CHECK(two.channels[0] == std::vector<double>{0.5, 1.0 / 32768});
  CHECK(two.channels[1] == std::vector<double>{-1, -1.0 / 32768});
  CHECK(two.mono()[0] == doctest::Approx(-0.25));
  CHECK(read(wav(1, 1, 24, {0, 0, 0x20, 0, 0, 0xC0})).channels[0] == std::vector<double>{0.25, -0.5});
  CHECK(read(wav(1, 1, 32, {0, 0, 0, 0xE0})).channels[0] == std::vector<double>{-0.25});
  Bytes f;
  const float value = 0.75f;
  std::uint32_t raw;
  std::memcpy(&raw, &value, 4);
  put(f, raw, 4);
  CHECK(read(wav(3, 1, 32, f)).channels[0] == std::vector<double>{0.75});
}

TEST_CASE("wav: what is written is read again, clipped; what is wrong is said") {
  const TempDir dir;
  Sound s{44100, {{0, 0.5, -0.25, 2}, {-2, 0.125, 0, 0}}};
  write_wav(dir / "s.wav", s);
  CHECK(dir.read("s.wav").size() == 44 + 16);
  const Sound back = read_wav(dir / "s.wav");
  CHECK(back.rate == 44100);
  CHECK(back.channels[0] == std::vector<double>{0, 0.5, -0.25, 32767.0 / 32768});
  CHECK(back.channels[1] == std::vector<double>{-1, 0.125, 0, 0});
  s.channels[1].pop_back();
  CHECK_THROWS_AS(write_wav(dir / "s.wav", s), UsageError);
  CHECK(read_wav(dir / "s.wav").length() == 4);  // the file that was there stays
  Bytes whole = wav(1, 1, 16, {1, 2, 3, 4});
  for (size_t cut : {0u, 11u, 30u, 50u})
    CHECK_THROWS_AS(read(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut))), DataError);
  CHECK_THROWS_WITH_AS(read(wav(2, 1, 16, {1, 2})), doctest::Contains("format 2"), DataError);
  CHECK_THROWS_WITH_AS(read(wav(1, 1, 16, {1, 2, 3})), doctest::Contains("whole number"), DataError);
  CHECK_THROWS_WITH_AS(read(wav(1, 1, 16, {})), doctest::Contains("no samples"), DataError);
  whole[0] = 'X';
  CHECK_THROWS_WITH_AS(read(whole), doctest::Contains("RIFF"), DataError);
}
