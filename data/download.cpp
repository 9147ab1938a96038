#include "data/download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.h"

extern char** environ;

namespace gradus {
namespace {

// Runs a program without a shell; what it writes to standard error becomes `message`.
int run(const std::vector<std::string>& arguments, std::string& message) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail<DataError>("cannot make a pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error) {
    ::close(ends[0]);
    fail<DataError>("cannot run {}: {} (fetching data needs the curl program)", arguments[0],
                    std::strerror(error));
  }
  char buffer[512];
  for (;;) {
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    if (got > 0) message.append(buffer, static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

bool DownloadResult::broken_off() const {
  // curl: transferred a part, time out, connection lost while sending or receiving, HTTP/2 stream cut;
  // killed.
  constexpr int kBroken[] = {18, 28, 52, 55, 56, 92};
  return code > 128 || std::find(std::begin(kBroken), std::end(kBroken), code) != std::end(kBroken);
}

DownloadResult download(const std::string& url, const std::string& path) {
  const auto once = [&] {
    DownloadResult result;
    result.code = run({"curl", "--fail", "--location", "--silent", "--show-error", "--proto",
                       "=http,https,file", "--connect-timeout", "20", "--speed-limit", "1", "--speed-time",
                       "60", "--continue-at", "-", "--output", path, "--url", url},
                      result.message);
    return result;
  };
  std::error_code ignored;
  const bool resumed = std::filesystem::exists(path, ignored);
  DownloadResult result = once();
  if (result.code != 0 && resumed && !result.broken_off()) {
    // The source may not serve parts, or the part may be no part of what is there now: once more from the
    // start.
    std::filesystem::remove(path, ignored);
    result = once();
  }
  return result;
}

}  // namespace gradus
