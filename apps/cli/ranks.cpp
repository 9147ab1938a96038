#include "apps/cli/ranks.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/threads.h"

namespace gradus {
namespace {

std::unique_ptr<Communicator> world;
bool opened = false;

}  // namespace

Communicator& open_world() {
  if (!std::exchange(opened, true)) world = open_ranks();
  return world ? *world : one_process();
}

bool leave_world(int code) {
  if (world) return world->leave(code);
  // What is wrong before the ranks know of each other all find by themselves. The first to end with an error ends all: that
  // should not be before rank 0 has spoken.
  if (launched().rank > 0 && code != 0) std::this_thread::sleep_for(std::chrono::seconds(1));
  return true;
}

void refuse_ranks(const std::string& command) {
  const int size = launched().size;
  if (size > 1)
    fail<UsageError>(
        "started as {} ranks, but 'gradus {}' runs in one process; 'train' and 'federated' divide their work",
        size, command);
}

int threads_of_rank() {
  const int ranks = launched().on_this_machine;
  const auto processors = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  // Who was given processors of its own, or a number of threads, takes these.
  if (ranks == 1 || std::getenv("OMP_NUM_THREADS") || threads() < processors) return threads();
  return std::max(1, threads() / ranks);
}

}  // namespace gradus
