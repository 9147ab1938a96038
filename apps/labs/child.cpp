#include "apps/labs/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "core/error.h"

namespace gradus {
namespace {

// In the child: never returns.
[[noreturn]] void become(const std::vector<char*>& words, const std::string& folder, int out, long memory) {
  ::setpgid(0, 0);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  if (memory > 0) {
    const rlimit limit{static_cast<rlim_t>(memory), static_cast<rlim_t>(memory)};
    ::setrlimit(RLIMIT_AS, &limit);
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
  }
  if (::chdir(folder.c_str()) == 0) ::execvp(words[0], words.data());
  ::_exit(127);
}

}  // namespace

ChildResult run_child(const std::vector<std::string>& words, const std::string& folder, double seconds,
                      long memory) {
  using Clock = std::chrono::steady_clock;
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) fail<DataError>("{}: {}", words[0], std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) become(pointers, folder, pipe[1], memory);
  ::close(pipe[1]);
  if (child < 0) {
    ::close(pipe[0]);
    fail<DataError>("{}: {}", words[0], std::strerror(errno));
  }
  ::setpgid(child, child);
  ChildResult result;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  int status = 0;
  bool open = true, over = false;
  while (!over) {
    if (Clock::now() >= end && !result.timed_out) {
      result.timed_out = true;
      ::kill(-child, SIGKILL);
    }
    pollfd ready{pipe[0], POLLIN, 0};
    if (::poll(&ready, open ? 1 : 0, 20) > 0) {
      char bytes[4096];
      const ssize_t n = ::read(pipe[0], bytes, sizeof bytes);
      if (n > 0 && result.output.size() < (1 << 20)) result.output.append(bytes, static_cast<size_t>(n));
      if (n == 0) open = false;
      if (n > 0) continue;  // all that is there first
    }
    over = ::waitpid(child, &status, WNOHANG) == child;
  }
  // What it wrote last; a process that it left behind may hold the other end open, so nothing is waited for.
  ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  char bytes[4096];
  for (ssize_t n = 0; open && (n = ::read(pipe[0], bytes, sizeof bytes)) > 0;)
    if (result.output.size() < (1 << 20)) result.output.append(bytes, static_cast<size_t>(n));
  ::close(pipe[0]);
  ::kill(-child, SIGKILL);
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (result.code == 127 && result.output.empty()) fail<DataError>("{}: cannot be started", words[0]);
  return result;
}

std::string signal_text(int signal) {
  std::string text = strsignal(signal);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace gradus
