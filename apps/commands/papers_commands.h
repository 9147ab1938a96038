// The commands below `gradus papers`, one file each.
#pragma once

#include "apps/cli/commands.h"

namespace gradus {

/// run, and the hidden command of its jobs.
void add_papers_run(CLI::App& papers, Action& action);
void add_papers_report(CLI::App& papers, Action& action);

}  // namespace gradus
