#include "core/watchdog.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>

#include "core/error.h"

namespace gradus {
namespace {

using WatchClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kConnectTime{30}, kAnswerTime{2};

// All that is ever said, of one size.
enum class Say : std::uint32_t { kBeat, kLeave, kLost, kFailed, kAllLeft };
struct Message {
  Say say{};
  std::int32_t value = 0;  // an exit code, or the rank that is spoken of
};
struct Hello {
  std::uint64_t token = 0, rank = 0;
};

int remaining_ms(WatchClock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - WatchClock::now()).count();
  return static_cast<int>(std::max<decltype(left)>(left, 0));
}

// Whole blocks within a time; sockets that do not block.
bool send_all(int fd, const void* bytes, size_t n, WatchClock::time_point until) {
  const char* at = static_cast<const char*>(bytes);
  while (n > 0) {
    const ssize_t sent = ::send(fd, at, n, MSG_NOSIGNAL);
    if (sent > 0) {
      at += sent, n -= static_cast<size_t>(sent);
      continue;
    }
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    pollfd wait{fd, POLLOUT, 0};
    if (remaining_ms(until) == 0 || ::poll(&wait, 1, remaining_ms(until)) < 0) return false;
  }
  return true;
}
bool receive_all(int fd, void* bytes, size_t n, WatchClock::time_point until) {
  char* at = static_cast<char*>(bytes);
  while (n > 0) {
    const ssize_t got = ::recv(fd, at, n, 0);
    if (got > 0) {
      at += got, n -= static_cast<size_t>(got);
      continue;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return false;
    pollfd wait{fd, POLLIN, 0};
    if (remaining_ms(until) == 0 || ::poll(&wait, 1, remaining_ms(until)) < 0) return false;
  }
  return true;
}

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail<Error>("watching the ranks: no socket: {}", std::strerror(errno));
  return fd;
}

sockaddr_in address_of(std::uint32_t address, std::uint32_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = address;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  return to;
}

// A connection to rank 0 at this address that answers as rank 0 does; -1: none.
int connect_to(std::uint32_t address, const WatchPoint& point, int rank) {
  const int fd = tcp_socket();
  const sockaddr_in to = address_of(address, point.port);
  const auto until = WatchClock::now() + kAnswerTime;
  bool good = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS;
  if (good) {
    pollfd wait{fd, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    good = ::poll(&wait, 1, remaining_ms(until)) == 1 &&
           ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  const Hello hello{point.token, static_cast<std::uint64_t>(rank)};
  std::uint64_t answer = 0;
  good = good && send_all(fd, &hello, sizeof hello, until) &&
         receive_all(fd, &answer, sizeof answer, until) && answer == ~point.token;
  if (good) return fd;
  ::close(fd);
  return -1;
}

std::vector<std::uint32_t> own_addresses() {
  std::vector<std::uint32_t> outer, loopback;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {htonl(INADDR_LOOPBACK)};
  for (const ifaddrs* i = list; i; i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP)) continue;
    sockaddr_in in{};
    std::memcpy(&in, i->ifa_addr, sizeof in);
    (i->ifa_flags & IFF_LOOPBACK ? loopback : outer).push_back(in.sin_addr.s_addr);
  }
  ::freeifaddrs(list);
  outer.resize(std::min<size_t>(outer.size(), WatchPoint::kMostAddresses - 1));
  if (!loopback.empty()) outer.push_back(loopback[0]);
  return outer;
}

}  // namespace

// One thread that owns the connections. What it shares with the rank's own thread is guarded by mutex_.
class Watchdog::Watch {
 public:
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    for (const Peer& p : peers_)
      if (p.fd >= 0) ::close(p.fd);
    for (const int fd : {listener_, wake_[0], wake_[1]})
      if (fd >= 0) ::close(fd);
  }

  WatchPoint listen(int size) {
    listener_ = tcp_socket();
    const sockaddr_in any = address_of(htonl(INADDR_ANY), 0);
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
        ::listen(listener_, size) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &length) != 0)
      fail<Error>("watching the ranks: cannot listen: {}", std::strerror(errno));
    std::random_device random;
    WatchPoint point{.token = std::uint64_t{random()} << 32 | random(), .port = ntohs(bound.sin_port)};
    for (const std::uint32_t address : own_addresses()) point.addresses[point.count++] = address;
    return point;
  }

  void start(int rank, const std::vector<std::string>& names, const WatchPoint& point) {
    rank_ = rank, names_ = names;
    if (::pipe2(wake_.data(), O_NONBLOCK | O_CLOEXEC) != 0)
      fail<Error>("watching the ranks: {}", std::strerror(errno));
    if (rank == 0)
      accept_all(point);
    else
      peers_.push_back({0, reach(point)});
    // Signals are for the rank's own thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (Peer& p : peers_) p.heard = WatchClock::now();
    thread_ = std::thread([this] { watch(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  bool leave(int code) {
    std::unique_lock lock(mutex_);
    leaving_ = true, code_ = code;
    wake();
    done_.wait(lock, [&] { return finished_; });
    return same_;
  }

 private:
  struct Peer {
    int rank = 0, fd = -1;
    WatchClock::time_point heard{}, left_at{};
    bool left = false;
    int code = 0;
    std::array<char, sizeof(Message)> part{};  // of a message that has not come whole
    size_t have = 0;
  };

  void wake() {
    if (wake_[1] >= 0 && ::write(wake_[1], "", 1) < 0) return;  // a full pipe wakes as well
  }

  int reach(const WatchPoint& point) const {
    const auto until = WatchClock::now() + kConnectTime;
    while (remaining_ms(until) > 0) {
      for (std::uint32_t i = 0; i < point.count; ++i)
        if (const int fd = connect_to(point.addresses[i], point, rank_); fd >= 0) return fd;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    fail<Error>("{} cannot reach {} at port {} to watch it (a firewall?)", name(rank_), name(0), point.port);
  }

  void accept_all(const WatchPoint& point) {
    const auto until = WatchClock::now() + kConnectTime;
    std::vector<int> fds(names_.size(), -1);
    size_t missing = names_.size() - 1;
    while (missing > 0) {
      pollfd wait{listener_, POLLIN, 0};
      if (remaining_ms(until) == 0 || ::poll(&wait, 1, remaining_ms(until)) < 0) break;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) continue;
      Hello hello;
      const auto soon = WatchClock::now() + kAnswerTime;
      const std::uint64_t answer = ~point.token;
      const bool good = receive_all(fd, &hello, sizeof hello, soon) && hello.token == point.token &&
                        hello.rank > 0 && hello.rank < fds.size() && fds[hello.rank] < 0 &&
                        send_all(fd, &answer, sizeof answer, soon);
      if (!good) {
        ::close(fd);
        continue;
      }
      fds[hello.rank] = fd;
      --missing;
    }
    for (size_t r = 1; r < fds.size(); ++r) {
      peers_.push_back({static_cast<int>(r), fds[r]});
      if (fds[r] < 0) fail<Error>("{} did not come to be watched", name(static_cast<int>(r)));
    }
  }

  const std::string& name(int rank) const { return names_[static_cast<size_t>(rank)]; }

  void tell(const Peer& to, Message message) const {
    if (to.fd >= 0) send_all(to.fd, &message, sizeof message, WatchClock::now() + kBeat);
  }

  // Ends this process, after rank 0 has told the others.
  [[noreturn]] void end(int rank, const std::string& what, Say say) const {
    if (rank_ == 0)
      for (const Peer& p : peers_)
        if (p.rank != rank) tell(p, {say, rank});
    const std::string line = fmt::format(
        "gradus: {} {}; {} ends. What was saved is whole, --resume goes on\n", name(rank), what, name(rank_));
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) ::_exit(1);
    ::_exit(1);
  }
  [[noreturn]] void lost(int rank, bool silent) const {
    end(rank,
        rank == rank_ ? "is given up by the others"
        : silent      ? "is not to be heard any more"
                      : "is gone (killed?)",
        Say::kLost);
  }
  [[noreturn]] void failed(int rank) const { end(rank, "ended with an error", Say::kFailed); }

  void finish(bool same) {
    finished_ = true, same_ = same;
    done_.notify_all();
  }

  void hear(Peer& from, Message message) {
    switch (message.say) {
      case Say::kBeat:
        return;
      case Say::kLeave:
        from.left = true, from.code = message.value, from.left_at = WatchClock::now();
        return;
      case Say::kLost:
        lost(message.value, false);
      case Say::kFailed: {
        const std::lock_guard lock(mutex_);
        if (!leaving_ || code_ == 0) failed(message.value);
        return finish(false);  // with an error of its own
      }
      case Say::kAllLeft: {
        const std::lock_guard lock(mutex_);
        return finish(message.value == code_);
      }
    }
  }

  // Reads what has come. False at the end of the connection.
  bool read_from(Peer& p) {
    for (;;) {
      const ssize_t got = ::recv(p.fd, p.part.data() + p.have, p.part.size() - p.have, 0);
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      p.heard = WatchClock::now();
      p.have += static_cast<size_t>(got);
      if (p.have < p.part.size()) continue;
      Message message;
      std::memcpy(&message, p.part.data(), sizeof message);
      p.have = 0;
      hear(p, message);
    }
  }

  // Of rank 0: whether all have left, or one has failed and is not followed.
  void judge() {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    const auto now = WatchClock::now();
    const bool all = std::all_of(peers_.begin(), peers_.end(), [](const Peer& p) { return p.left; });
    if (leaving_ && all) {
      bool same = true;
      for (const Peer& p : peers_) {
        tell(p, {Say::kAllLeft, code_});
        same = same && p.code == code_;
      }
      return finish(same);
    }
    if (leaving_ && code_ != 0 && now - leaving_since_ > kGrace) {
      for (const Peer& p : peers_) tell(p, {Say::kFailed, 0});
      return finish(false);
    }
    for (const Peer& p : peers_)
      if (p.left && p.code != 0 && !leaving_ && now - p.left_at > kGrace) {
        tell(p, {Say::kFailed, p.rank});
        std::this_thread::sleep_for(kBeat);  // in which it says what was wrong, before all is ended
        failed(p.rank);
      }
  }

  void watch() {
    auto next_beat = WatchClock::now();
    bool said = false;  // that this rank leaves
    for (;;) {
      std::vector<pollfd> wait{{wake_[0], POLLIN, 0}};
      for (const Peer& p : peers_) wait.push_back({p.fd, POLLIN, 0});
      ::poll(wait.data(), wait.size(), static_cast<int>(kBeat.count() / 2));
      std::array<char, 64> drained;
      while (::read(wake_[0], drained.data(), drained.size()) > 0) {
      }
      bool leaving, ending;
      int code;
      {
        const std::lock_guard lock(mutex_);
        leaving = leaving_, ending = ending_, code = code_;
      }
      if (ending) return;
      if (leaving && !said) {
        said = true;
        leaving_since_ = WatchClock::now();
        if (rank_ != 0) tell(peers_[0], {Say::kLeave, code});
      }
      for (Peer& p : peers_) {
        if (p.fd < 0) continue;
        if (read_from(p)) continue;
        ::close(p.fd);
        p.fd = -1;
        const std::lock_guard lock(mutex_);
        if (!finished_ && !p.left) lost(p.rank, false);
      }
      const auto now = WatchClock::now();
      for (const Peer& p : peers_)
        if (p.fd >= 0 && !p.left && now - p.heard > kSilence) lost(p.rank, true);
      if (rank_ == 0) judge();
      if (now < next_beat) continue;
      next_beat = now + kBeat;
      for (const Peer& p : peers_) tell(p, {Say::kBeat, 0});
    }
  }

  int rank_ = 0, listener_ = -1;
  std::array<int, 2> wake_{-1, -1};
  std::vector<std::string> names_;
  std::vector<Peer> peers_;
  std::thread thread_;
  WatchClock::time_point leaving_since_{};  // of the thread alone
  std::mutex mutex_;
  std::condition_variable done_;
  bool leaving_ = false, ending_ = false, finished_ = false, same_ = false;
  int code_ = 0;
};

Watchdog::Watchdog() = default;
Watchdog::~Watchdog() = default;

WatchPoint Watchdog::listen(int size) {
  watch_ = std::make_unique<Watch>();
  return watch_->listen(size);
}

void Watchdog::start(int rank, const std::vector<std::string>& names, const WatchPoint& point) {
  if (!watch_) watch_ = std::make_unique<Watch>();
  watch_->start(rank, names, point);
}

bool Watchdog::leave(int code) { return watch_->leave(code); }

}  // namespace gradus
