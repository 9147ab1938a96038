// What stands in the place of mpi_ranks.cpp where gradus is built without MPI.
#include "core/communicator.h"
#include "core/error.h"

namespace gradus {

bool has_ranks() { return false; }

std::unique_ptr<Communicator> open_ranks() {
  if (const int size = launched().size; size > 1)
    fail<UsageError>(
        "started as {} ranks, but this gradus is built without MPI: each would do all the work alone. Build "
        "it where "
        "libopenmpi-dev is installed",
        size);
  return nullptr;
}

}  // namespace gradus
