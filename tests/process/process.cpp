#include "tests/process/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

namespace gradus::tests {
namespace {

// Both pipes are read as they fill, else a chatty program would wait for us for ever.
void drain(int out, int err, Outcome& outcome) {
  std::array<pollfd, 2> pipes{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}};
  std::array<std::string*, 2> texts{&outcome.out, &outcome.err};
  for (int open = 2; open > 0;) {
    if (::poll(pipes.data(), pipes.size(), -1) < 0) continue;
    for (size_t i = 0; i < pipes.size(); ++i) {
      if (!pipes[i].revents) continue;
      std::array<char, 4096> buffer{};
      const ssize_t n = ::read(pipes[i].fd, buffer.data(), buffer.size());
      if (n > 0) {
        texts[i]->append(buffer.data(), static_cast<size_t>(n));
      } else {
        ::close(pipes[i].fd);
        pipes[i].fd = -1;
        --open;
      }
    }
  }
}

void send_errors(const std::string& to) {
  if (to.empty()) return;
  if (to == "closed") {
    ::close(2);
    return;
  }
  std::array<int, 2> ends{};
  int file = -1;
  if (to == "unread" && ::pipe2(ends.data(), O_CLOEXEC) == 0)
    ::close(ends[0]), file = ends[1];
  else
    file = ::open(to.c_str(), O_WRONLY | O_CLOEXEC);
  ::dup2(file, 2);
}

[[noreturn]] void become(const std::vector<std::string>& command, const Surroundings& where) {
  if (!where.folder.empty() && ::chdir(where.folder.c_str()) != 0) ::_exit(126);
  ::unsetenv("GRADUS_DATA");
  ::setenv("NO_COLOR", "1", 1);
  for (const auto& [name, value] : where.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (where.largest_file) {
    const rlimit limit{static_cast<rlim_t>(where.largest_file), static_cast<rlim_t>(where.largest_file)};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  std::vector<char*> argv;
  for (const std::string& arg : command) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

std::string program_path() { return GRADUS_PROGRAM; }
std::string kill_at_path() { return GRADUS_KILL_AT; }

Outcome run_gradus(const std::vector<std::string>& args, const Surroundings& where) {
  std::vector<std::string> command{program_path()};
  command.insert(command.end(), args.begin(), args.end());
  return run_command(command, where);
}

Outcome run_command(const std::vector<std::string>& command, const Surroundings& where) {
  std::array<int, 2> out{}, err{};
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    send_errors(where.errors);
    std::signal(SIGHUP, where.ignores_hangup ? SIG_IGN : SIG_DFL);
    become(command, where);
  }
  ::close(out[1]);
  ::close(err[1]);
  Outcome outcome;
  drain(out[0], err[0], outcome);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path, " is not there");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace gradus::tests
