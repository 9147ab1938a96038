#include "core/atomic_file.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/error.h"
#include "tests/temp_dir.h"

using namespace gradus;
namespace fs = std::filesystem;

TEST_CASE("atomic file: replaces at commit, and not before") {
  const TempDir dir;
  const std::string path = dir.write("f", std::string_view("old"));
  {
    AtomicFile file(path);
    file.write("new");
    CHECK(dir.read("f") == "old");
  }
  CHECK(dir.read("f") == "old");
  CHECK_FALSE(fs::exists(path + ".partial"));
  write_file(path, "newer");
  CHECK(dir.read("f") == "newer");
  CHECK_FALSE(fs::exists(path + ".partial"));
}

TEST_CASE("atomic file: a process killed in the middle leaves the old file; its remains are written over") {
  const TempDir dir;
  const std::string path = dir.write("f", std::string_view("old"));
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(path);
    file.write(std::string(100000, 'x'));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(dir.read("f") == "old");
  CHECK(fs::exists(path + ".partial"));
  write_file(path, "new");
  CHECK(dir.read("f") == "new");
  CHECK_FALSE(fs::exists(path + ".partial"));
}

TEST_CASE("atomic file: refuses what it cannot do, and says why") {
  const TempDir dir;
  CHECK_THROWS_WITH_AS(AtomicFile(dir / "no/such/folder"), doctest::Contains("cannot create"), DataError);
  CHECK_THROWS_WITH_AS(AtomicFile{dir.path()}, doctest::Contains("not a regular file"), DataError);
  CHECK_THROWS_WITH_AS(AtomicFile("/dev/null"), doctest::Contains("not a regular file"), DataError);
  AtomicFile first(dir / "f");
  CHECK_THROWS_WITH_AS(AtomicFile(dir / "f"), doctest::Contains("another process is writing"), DataError);
  first.commit();
  CHECK(fs::exists(dir / "f"));
}

TEST_CASE("atomic file: a full disk is an error that leaves the old file and nothing half-written") {
  const TempDir dir;
  const std::string path = dir.write("f", std::string_view("old"));
  const pid_t child = ::fork();
  if (child == 0) {
    // A limit on the size of files stands in for the full disk: write() fails in the same way.
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(path, std::string(100000, 'x'));
    } catch (const DataError& e) {
      ::_exit(std::string_view(e.what()).find("cannot write") != std::string_view::npos ? 0 : 2);
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(dir.read("f") == "old");
  CHECK_FALSE(fs::exists(path + ".partial"));
}
