#include "apps/cli/thread_count.h"

#include <fmt/format.h>

#include "apps/cli/output.h"
#include "core/processors.h"
#include "core/threads.h"

namespace gradus {

void use_threads(int n) {
  if (n == 0) return;
  set_threads(n);
  if (const int most = processors(); n > most)
    note(fmt::format(
        "gradus: --threads {}: there {} for this process; {} at work, with the work divided for {}\n", n,
        most == 1 ? "is 1 processor" : fmt::format("are {} processors", most),
        most == 1 ? "1 thread is" : fmt::format("{} threads are", most), n));
}

}  // namespace gradus
