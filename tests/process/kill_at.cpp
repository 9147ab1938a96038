// Preloaded into a program, ends it at a chosen moment of writing a file, so that tests see every state a crash may
// leave behind, without depending on time.
//
// Every write(), fsync() and rename() that concerns a file called *.partial counts. At the call numbered KILL_AT (from
// 1) the process gets the signal KILL_WITH (9: at once, after half the bytes of a write; 2: as by Ctrl-C). With
// KILL_COUNT=FILE the number of such calls is written to FILE at the end instead.
#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

long count = 0;

bool concerns_us(std::string_view path) { return path.ends_with(".partial"); }

bool is_partial(int file) {
  std::array<char, 64> link{};
  std::array<char, 4096> path{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", file);
  const ssize_t n = ::readlink(link.data(), path.data(), path.size());
  return n > 0 && concerns_us({path.data(), static_cast<size_t>(n)});
}

bool now() {
  const char* at = std::getenv("KILL_AT");
  return ++count == (at ? std::atol(at) : -1);
}

void end() {
  const char* with = std::getenv("KILL_WITH");
  ::kill(::getpid(), with ? std::atoi(with) : SIGKILL);
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

struct Report {
  ~Report() {
    const char* path = std::getenv("KILL_COUNT");
    if (!path) return;
    if (std::FILE* file = std::fopen(path, "w")) {
      std::fprintf(file, "%ld\n", count);
      std::fclose(file);
    }
  }
} report;

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t n) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  if (!is_partial(file) || !now()) return real(file, bytes, n);
  const ssize_t done = real(file, bytes, n - n / 2);
  end();
  return done;
}

int fsync(int file) {
  static const auto real = next<int (*)(int)>("fsync");
  if (is_partial(file) && now()) end();
  return real(file);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  if (concerns_us(from) && now()) end();
  return real(from, to);
}
}
