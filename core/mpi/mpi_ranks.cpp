// Ranks of Open MPI: the one file that knows MPI. Only the thread that opened them calls it.
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <thread>

#include "core/communicator.h"
#include "core/error.h"
#include "core/watchdog.h"

namespace gradus {
namespace {

// An error of MPI is mostly the loss of a rank, which the watchdog names and ends everything for; it is given time to.
void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::this_thread::sleep_for(2 * Watchdog::kSilence);
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  fail<Error>("{}: {}", call, std::string(text.data(), static_cast<std::size_t>(length)));
}

// MPI counts with int.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;

int as_count(std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    fail<Error>("a message of {} between ranks is larger than MPI can count", n);
  return static_cast<int>(n);
}

struct Layout {
  explicit Layout(std::span<const std::size_t> sizes) {
    std::size_t at = 0;
    for (const std::size_t n : sizes) {
      counts.push_back(as_count(n)), places.push_back(as_count(at));
      at += n;
    }
  }
  std::vector<int> counts, places;
};

class MpiRanks final : public Communicator {
 public:
  MpiRanks() {
    int threads = 0;
    if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &threads) != MPI_SUCCESS)
      fail<Error>("MPI does not start");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    std::array<char, 64> host{};
    ::gethostname(host.data(), host.size() - 1);
    for (const auto& h : all_gather(host)) hosts_.emplace_back(h.data());
    if (size_ == 1) return;
    WatchPoint point{};
    if (rank_ == 0) point = watchdog_.listen(size_);
    broadcast(std::span(&point, 1));
    std::vector<std::string> names;
    for (int r = 0; r < size_; ++r) names.push_back(name(r));
    watchdog_.start(rank_, names, point);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name(int rank) const override {
    return fmt::format("rank {} ({})", rank, hosts_[static_cast<std::size_t>(rank)]);
  }

  void start_sum(std::span<float> values) override { start(values.data(), values.size(), MPI_FLOAT); }
  void start_sum(std::span<double> values) override { start(values.data(), values.size(), MPI_DOUBLE); }
  void progress() override {
    if (pending_.empty()) return;
    int done = 0;
    check(MPI_Testall(as_count(pending_.size()), pending_.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
    if (done) pending_.clear();
  }
  void finish_sums() override {
    check(MPI_Waitall(as_count(pending_.size()), pending_.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
    pending_.clear();
  }

  bool leave(int code) override {
    const bool same = size_ == 1 || watchdog_.leave(code);
    // With sums under way on nobody's behalf MPI would wait for ever.
    if (same && pending_.empty()) MPI_Finalize();
    return same;
  }

 protected:
  void broadcast_bytes(std::span<std::byte> bytes, int from) override {
    for (std::size_t at = 0; at < bytes.size(); at += kMostBytes)
      check(MPI_Bcast(bytes.data() + at, as_count(std::min(kMostBytes, bytes.size() - at)), MPI_BYTE, from,
                      MPI_COMM_WORLD),
            "MPI_Bcast");
  }
  void gather_bytes(std::span<const std::byte> own, std::span<std::byte> all,
                    std::span<const std::size_t> sizes) override {
    const Layout in(sizes);
    check(MPI_Allgatherv(own.data(), as_count(own.size()), MPI_BYTE, all.data(), in.counts.data(),
                         in.places.data(), MPI_BYTE, MPI_COMM_WORLD),
          "MPI_Allgatherv");
  }
  void exchange_bytes(std::span<const std::byte> out, std::span<const std::size_t> out_sizes,
                      std::span<std::byte> in, std::span<const std::size_t> in_sizes) override {
    const Layout to(out_sizes), from(in_sizes);
    check(MPI_Alltoallv(out.data(), to.counts.data(), to.places.data(), MPI_BYTE, in.data(),
                        from.counts.data(), from.places.data(), MPI_BYTE, MPI_COMM_WORLD),
          "MPI_Alltoallv");
  }

 private:
  void start(void* values, std::size_t n, MPI_Datatype type) {
    check(MPI_Iallreduce(MPI_IN_PLACE, values, as_count(n), type, MPI_SUM, MPI_COMM_WORLD,
                         &pending_.emplace_back()),
          "MPI_Iallreduce");
  }

  int rank_ = 0, size_ = 1;
  std::vector<std::string> hosts_;
  std::vector<MPI_Request> pending_;
  Watchdog watchdog_;
};

}  // namespace

bool has_ranks() { return true; }

std::unique_ptr<Communicator> open_ranks() {
  if (launched().size == 1) return nullptr;  // MPI takes its time to start
  return std::make_unique<MpiRanks>();
}

}  // namespace gradus
