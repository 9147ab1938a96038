// The file readers under fuzzing: for each, valid files to start from and a call that may only return or
// throw DataError. The fuzz programs and the fast mutation test share this table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus::fuzz {

using Bytes = std::vector<std::uint8_t>;

struct Reader {
  const char* name;
  std::vector<Bytes> (*seeds)();
  void (*read)(std::span<const std::uint8_t> bytes);  ///< lets DataError out
};

const std::vector<Reader>& readers();
const Reader& find_reader(const std::string& name);

/// Reads `bytes`. True if they were valid, false if they were refused with DataError; anything else that the
/// reader throws passes through.
bool accepts(const Reader& reader, std::span<const std::uint8_t> bytes);

/// A copy of `valid` with a few random changes: bits flipped, bytes set to telling values, runs removed,
/// repeated, overwritten or inserted, the end cut off. A pure function of its arguments.
Bytes mutate(const Bytes& valid, std::uint64_t number);

}  // namespace gradus::fuzz

/// The entry point of libFuzzer for one reader, and its name for the plain driver.
#define GRADUS_FUZZ(reader_name)                                                      \
  extern const char* const gradus_fuzz_reader;                                        \
  const char* const gradus_fuzz_reader = reader_name;                                 \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    static const auto& reader = gradus::fuzz::find_reader(reader_name);               \
    gradus::fuzz::accepts(reader, {data, size});                                      \
    return 0;                                                                         \
  }                                                                                   \
  static_assert(true)
