// A fuzzing loop for compilers without libFuzzer: mutates the valid files of one reader for a number of
// seconds.
//   fuzz_idx [SECONDS=60] [FIRST_NUMBER=0]
// A crash, a sanitizer report or an exception that is no DataError ends the program with an error.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tests/fuzz/readers.h"

extern const char* const gradus_fuzz_reader;

int main(int argc, char** argv) {
  using namespace gradus::fuzz;
  using Clock = std::chrono::steady_clock;
  const double seconds = argc > 1 ? std::atof(argv[1]) : 60;
  std::uint64_t number = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const Reader& reader = find_reader(gradus_fuzz_reader);
  const std::vector<Bytes> seeds = reader.seeds();
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::uint64_t runs = 0, valid = 0;
  std::vector<Bytes> kept = seeds;  // mutated files that were still valid serve as further starting points
  for (; Clock::now() < end; ++number, ++runs) {
    const Bytes bytes = mutate(kept[number % kept.size()], number);
    try {
      if (accepts(reader, bytes)) {
        ++valid;
        constexpr std::size_t kMost = 200, kLongest = 1 << 16;
        if (kept.size() < kMost && bytes.size() < kLongest) kept.push_back(bytes);
      }
    } catch (const std::exception& e) {
      std::printf("%s: input %llu threw what is no DataError: %s\n", reader.name,
                  static_cast<unsigned long long>(number), e.what());
      return 1;
    }
  }
  std::printf("%s: %llu inputs, %llu read, the rest refused\n", reader.name,
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(valid));
  return 0;
}
