// The ranks that this process belongs to (mpirun), for the commands that divide their work among them.
#pragma once

#include "core/communicator.h"

namespace gradus {

/// All ranks of the launch, or this process alone. Opened by the first call, which all ranks make.
Communicator& open_world();
/// At the end of the program: leaves the ranks with an exit code. Whether all end with this one, so that rank 0 has said
/// whatever was wrong.
bool leave_world(int code);
/// Throws UsageError where this process has company: `command` would be done by each rank alone.
void refuse_ranks(const std::string& command);
/// Threads of a rank where nobody says how many: the processors it may use, divided by the ranks of this machine that share them.
int threads_of_rank();

}  // namespace gradus
