// The one place where errors end, as one line and an exit code.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "apps/cli/blas_kernels.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/ranks.h"
#include "core/error.h"

namespace gradus {
namespace {

// Leaves the other ranks, if there are any; of what all of them know one speaks.
int complain(int code, const char* what) {
  const auto say = [&] { note(std::string("gradus: ") + what + "\n"); };
  const bool first = launched().rank == 0;
  if (first) say();  // before it leaves: what is left of a job that failed may be ended any time
  if (!leave_world(code) && !first) say();
  return code;
}

// A standard stream that was closed (2>&-) would give its number to the next file opened, and messages would go there.
// What is opened here can only be read, so that results written to it are still an error.
void open_standard_streams() {
  int file = 0;
  do {
    file = ::open("/dev/null", O_RDONLY);
  } while (file >= 0 && file <= STDERR_FILENO);
  if (file > STDERR_FILENO) ::close(file);
}

int guarded(int argc, char** argv) {
  try {
    const int code = run_program(argc, argv);
    // Results that did not reach their file are lost, so this is an error too.
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      return complain(kBadData, "cannot write to standard output (disk full?)");
    leave_world(code);
    return code;
  } catch (const UsageError& e) {
    return complain(kUsage, e.what());
  } catch (const DataError& e) {
    return complain(kBadData, e.what());
  } catch (const NumericError& e) {
    return complain(kNotShown, e.what());
  } catch (const std::bad_alloc&) {
    return complain(kInternal, "out of memory");
  } catch (const std::exception& e) {
    return complain(kInternal, e.what());
  }
}

}  // namespace

int run_main(int argc, char** argv) {
  take_best_blas_kernels(argv);
  open_standard_streams();
  // A file beyond the size limit is then an error of write(), like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  return guarded(argc, argv);
}

}  // namespace gradus
