// Who of several ranks is still there: so that the loss of one ends the others at once, by name, instead of leaving them to
// wait for it for ever.
//
// Every rank keeps a connection to rank 0 (TCP, beside whatever the ranks talk through otherwise). One that is closed before
// its rank said it leaves means that the process was killed; one that is silent for kSilence, that the machine or the network
// is gone. Rank 0 tells all others, and each process prints one line and ends with exit code 1. What is on disk then is what
// a kill leaves there: files are written whole or not at all (core/atomic_file.h).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// Where rank 0 listens, as the others have to be told; copied as bytes.
struct WatchPoint {
  static constexpr int kMostAddresses = 16;
  std::uint64_t token = 0;  ///< by which both ends know each other
  std::uint32_t port = 0, count = 0;
  std::array<std::uint32_t, kMostAddresses>
      addresses{};  ///< IPv4, network byte order; the machine's own, loopback last
};

class Watchdog {
 public:
  static constexpr std::chrono::milliseconds kBeat{500}, kSilence{5000};
  /// How long the others have to fail too, where one rank says that it has failed.
  static constexpr std::chrono::milliseconds kGrace{2500};

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Rank 0 of `size`, before start(). Throws Error.
  WatchPoint listen(int size);
  /// Connects all ranks with rank 0 and begins to watch; `names` are those for messages. Throws Error if a rank does not
  /// come or cannot reach rank 0.
  void start(int rank, const std::vector<std::string>& names, const WatchPoint& point);
  /// Says that this rank leaves with an exit code; returns when all others do, with any code, or when one that failed
  /// is not followed by all within kGrace. Whether all left, with rank 0's code.
  bool leave(int code);

 private:
  class Watch;
  std::unique_ptr<Watch> watch_;
};

}  // namespace gradus
