#include "apps/papers/jobs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

extern char** environ;

namespace gradus {
namespace {

constexpr int kPollMilliseconds = 100;

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) fail<DataError>("cannot make a pipe: {}", std::strerror(errno));
    read = ends[0];
    write = ends[1];
    for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
};

// Throws what a job reported: "error KIND text".
[[noreturn]] void rethrow(const std::string& report) {
  const size_t space = report.find(' ');
  const std::string kind = report.substr(0, space), text = report.substr(space + 1);
  if (kind == "usage") throw UsageError(text);
  if (kind == "data") throw DataError(text);
  if (kind == "stopped") throw Interrupted();
  throw Error(text);
}

}  // namespace

Jobs::Jobs(int count, const std::vector<std::string>& command) {
  ::signal(SIGPIPE, SIG_IGN);  // a job that died is found by what it does not answer
  for (int i = 0; i < count; ++i) spawn(command);
}

void Jobs::spawn(const std::vector<std::string>& command) {
  const Pipe in, out;
  std::vector<char*> arguments;
  for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  Worker worker;
  const int error =
      ::posix_spawn(&worker.process, command[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(in.read);
  ::close(out.write);
  worker.to = in.write;
  worker.from = out.read;
  workers_.push_back(worker);
  if (error) {
    workers_.back().process = -1;
    fail<DataError>("cannot start {}: {}", command[0], std::strerror(error));
  }
}

Jobs::~Jobs() {
  for (Worker& w : workers_) {
    ::close(w.to);
    if (w.process > 0 && w.busy) ::kill(w.process, SIGKILL);
  }
  for (Worker& w : workers_) {
    if (w.process > 0) ::waitpid(w.process, nullptr, 0);
    ::close(w.from);
  }
}

void Jobs::start(const RunSpec& run, size_t arm, const OptionList& chosen) {
  for (Worker& w : workers_) {
    if (w.busy) continue;
    nlohmann::ordered_json task = {{"arm", arm}, {"trial", run.trial}, {"seed", run.seed}};
    task["chosen"] = chosen;
    const std::string line = task.dump() + "\n";
    if (::write(w.to, line.data(), line.size()) != static_cast<ssize_t>(line.size())) lost(w);
    w.busy = true;
    w.share = 0;
    w.run = run;
    return;
  }
}

std::vector<RunSpec> Jobs::wait(const Monitor& monitor) {
  std::vector<RunSpec> finished;
  while (finished.empty()) {
    std::vector<pollfd> ends;
    std::vector<double> shares;
    for (const Worker& w : workers_)
      if (w.busy) {
        ends.push_back({w.from, POLLIN, 0});
        shares.push_back(w.share);
      }
    if (monitor(shares)) throw Interrupted();
    if (::poll(ends.data(), ends.size(), kPollMilliseconds) < 0 && errno != EINTR)
      fail<DataError>("cannot wait for jobs: {}", std::strerror(errno));
    for (const pollfd& end : ends)
      for (Worker& w : workers_)
        if (w.from == end.fd && end.revents && read(w)) {
          w.busy = false;
          finished.push_back(w.run);
        }
  }
  return finished;
}

bool Jobs::read(Worker& worker) {
  char buffer[4096];
  const ssize_t n = ::read(worker.from, buffer, sizeof buffer);
  if (n < 0 && errno == EINTR) return false;
  if (n <= 0) lost(worker);
  worker.unread.append(buffer, static_cast<size_t>(n));
  bool done = false;
  for (size_t end; (end = worker.unread.find('\n')) != std::string::npos;) {
    const std::string line = worker.unread.substr(0, end);
    worker.unread.erase(0, end + 1);
    if (line == "done") done = true;
    if (line.starts_with("share ")) worker.share = std::strtod(line.c_str() + 6, nullptr);
    if (line.starts_with("error ")) rethrow(line.substr(6));
  }
  return done;
}

void Jobs::lost(Worker& worker) {
  int status = 0;
  ::waitpid(worker.process, &status, 0);
  worker.process = -1;
  if (WIFSIGNALED(status))
    fail<Error>("the job of {} was ended by signal {} ({})", worker.run.label(), WTERMSIG(status),
                ::strsignal(WTERMSIG(status)));
  fail<Error>("the job of {} ended with code {}", worker.run.label(), WEXITSTATUS(status));
}

}  // namespace gradus
