// Communicator: several processes ("ranks") that work on one thing, on one machine or on many; or one process alone.
//
// All ranks make the same calls in the same order; a call returns when this rank's part in it is done. Where the ranks come
// from is behind open_ranks(): Open MPI where gradus is built with it (core/mpi), else nowhere. Nothing here depends on the
// element type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus {

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  /// 0..size()-1.
  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool alone() const { return size() == 1; }
  /// Rank 0 writes and speaks.
  bool first() const { return rank() == 0; }
  /// "rank 2 (node-b)".
  virtual std::string name(int rank) const = 0;

  /// Everybody gets the values of rank `from`.
  template <class T>
  void broadcast(std::span<T> values, int from = 0) {
    broadcast_bytes(std::as_writable_bytes(values), from);
  }
  std::string broadcast(std::string text, int from = 0);
  /// Everybody gets everybody's value, by rank.
  template <class T>
  std::vector<T> all_gather(const T& own) {
    std::vector<T> all(static_cast<std::size_t>(size()));
    const std::vector<std::size_t> bytes(all.size(), sizeof(T));
    gather_bytes(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(all)), bytes);
    return all;
  }
  /// The same of spans: `counts` has the number of elements of each rank, `all` room for all of them, one behind the other.
  template <class T>
  void all_gather(std::span<const T> own, std::span<T> all, std::span<const std::size_t> counts) {
    gather_bytes(std::as_bytes(own), std::as_writable_bytes(all), in_bytes(counts, sizeof(T)));
  }
  /// Everybody sends something to everybody: `out` holds, one behind the other, what goes to rank 0, 1, ...; `in` receives what
  /// comes from them. Counts in elements.
  template <class T>
  void exchange(std::span<const T> out, std::span<const std::size_t> out_counts, std::span<T> in,
                std::span<const std::size_t> in_counts) {
    exchange_bytes(std::as_bytes(out), in_bytes(out_counts, sizeof(T)), std::as_writable_bytes(in),
                   in_bytes(in_counts, sizeof(T)));
  }
  /// Whether it is so on any rank.
  bool any(bool own);

  /// Begins to replace the values by their sums over all ranks, the same bits on each, to rounding; they must stay where they
  /// are until finish_sums(). Meanwhile the processor may do other things, and call progress() now and then.
  virtual void start_sum(std::span<float> values) = 0;
  virtual void start_sum(std::span<double> values) = 0;
  virtual void progress() = 0;
  virtual void finish_sums() = 0;

  /// Says that this rank ends with an exit code, and waits until all end, or until one is known to have failed. Whether all
  /// ended with this code; a rank that is not the first has nothing to add then. Nothing may be called after it.
  virtual bool leave(int code) = 0;

 protected:
  virtual void broadcast_bytes(std::span<std::byte> bytes, int from) = 0;
  virtual void gather_bytes(std::span<const std::byte> own, std::span<std::byte> all,
                            std::span<const std::size_t> sizes) = 0;
  virtual void exchange_bytes(std::span<const std::byte> out, std::span<const std::size_t> out_sizes,
                              std::span<std::byte> in, std::span<const std::size_t> in_sizes) = 0;

 private:
  static std::vector<std::size_t> in_bytes(std::span<const std::size_t> counts, std::size_t one);
};

/// One process: every call returns what it was given.
Communicator& one_process();

/// Calls f on every rank. Where it throws on one, all throw the same error, that of the lowest such rank, which the message
/// names unless it is rank 0: so nobody waits for a rank that gave up. f must not communicate.
void together(Communicator& ranks, const std::function<void()>& f);

/// What the one who started this process says of its place (mpirun does); rank 0 of 1 if nobody did. Known before
/// open_ranks().
struct Launch {
  int rank = 0, size = 1;
  int on_this_machine = 1;  ///< of the ranks
};
Launch launched();

/// Whether this gradus can have more than one rank.
bool has_ranks();
/// The ranks that were launched together with this process, to be called once; null if it was launched alone. Throws
/// UsageError if there are several and this gradus was built without MPI. A rank that is killed, or not heard of for
/// some seconds, ends all others with exit code 1 and a line that names it (core/watchdog.h).
std::unique_ptr<Communicator> open_ranks();

}  // namespace gradus
