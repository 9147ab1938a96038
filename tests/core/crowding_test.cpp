#include "core/crowding.h"

#include <doctest/doctest.h>

using namespace gradus::detail;
using namespace std::chrono_literals;

namespace {

// At so many milliseconds after the start of the clock's day.
Crowding::Time at(double ms) {
  return Crowding::Time{} + 1h + std::chrono::duration_cast<Crowding::Span>(ms * 1ms);
}
bool alone_at(Crowding& crowding, double ms) {
  return crowding.alone([&] { return at(ms); });
}

}  // namespace

TEST_CASE(
    "crowding: a thread that had no processor for a fifth of the time sends the loops onto one thread") {
  Crowding crowding;
  CHECK_FALSE(alone_at(crowding, 0));
  crowding.waited(at(10), at(13), 0ms);
  CHECK(alone_at(crowding, 13));
  CHECK(alone_at(crowding, 22.9));
  CHECK_FALSE(alone_at(crowding, 23));  // 10 ms later it tries again
}

TEST_CASE("crowding: waits for a thread that worked all along are the loop's own") {
  Crowding crowding;
  for (int i = 0; i < 100; ++i) crowding.waited(at(10 * i), at(10 * i + 9), 9ms);
  CHECK_FALSE(alone_at(crowding, 1000));
}

TEST_CASE("crowding: short losses, and few of them, do not count") {
  Crowding crowding;
  crowding.waited(at(10), at(10.9), 0ms);  // under a millisecond
  CHECK_FALSE(alone_at(crowding, 11));
  Crowding rare;
  for (int i = 0; i < 40; ++i) rare.waited(at(4 * i), at(4 * i + 0.5), 0ms);  // an eighth of the time
  CHECK_FALSE(alone_at(rare, 160));
}

TEST_CASE("crowding: pauses double while tries fail, up to 0.64 s, and begin anew after a good spell") {
  Crowding crowding;
  double now = 10, pause = 10;
  for (int i = 0; i < 9; ++i) {
    crowding.waited(at(now), at(now + 3), 0ms);
    now += 3;
    CHECK(alone_at(crowding, now + pause - 0.1));
    now += pause;
    CHECK_FALSE(alone_at(crowding, now));
    pause = pause < 640 ? 2 * pause : 640;
  }
  CHECK(pause == 640);
  now += 1000;
  crowding.waited(at(now), at(now + 3), 0ms);
  CHECK(alone_at(crowding, now + 12.9));
  CHECK_FALSE(alone_at(crowding, now + 13));
}
