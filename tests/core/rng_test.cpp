#include "core/rng.h"

#include <doctest/doctest.h>

#include "autograd/grad.h"
using namespace gradus;
TEST_CASE("philox known answers") {
  // Random123 kat_vectors: philox4x32 10 rounds.
  CHECK(philox({0, 0, 0, 0}, {0, 0}) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t f = 0xffffffff;
  CHECK(philox({f, f, f, f}, {f, f}) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}
